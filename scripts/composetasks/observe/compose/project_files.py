"""The project's own text files, as they are read everywhere: in UTF-8, whatever the locale says,
and only where reading waits for nobody: who writes into a pipe, or who serves a file system."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from composetasks.run import file_systems

PIPES = (stat.S_IFIFO, stat.S_IFSOCK)


def read(path: Path) -> bytes:
    """A file's content. Raises OSError, for a pipe too: it would be waited for, and whoever reads
    it after us (Compose does) would find it empty."""
    if is_pipe(path):
        raise OSError(errno.EINVAL, "is a named pipe", str(path))
    return path.read_bytes()


def text(path: Path) -> str:
    """A file's text, with a mark in the place of what is not UTF-8; "" where it can't be read."""
    try:
        return read(path).decode("utf-8", "replace")
    except OSError:
        return ""


def is_pipe(path: Path) -> bool:
    """Whether a path leads to a named pipe or a socket. Raises TaskFailure, as all here, where it
    lies on a file system that does not answer."""
    file_systems.check(path)
    try:
        return stat.S_IFMT(os.stat(path).st_mode) in PIPES
    except OSError:
        return False


def exists(path: Path) -> bool:
    """Whether there is something at a path."""
    file_systems.check(path)
    return os.path.exists(path)
