"""Read the project's own text files: as UTF-8 whatever the locale, and without waiting for a pipe's
writer or for a file system that does not answer."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from composetasks.run import file_systems

PIPES = (stat.S_IFIFO, stat.S_IFSOCK)


def read(path: Path) -> bytes:
    """Return a file's content.

    Raises OSError if it can't be read, and for a pipe: reading it would wait, and would leave it
    empty for the next reader (Compose).
    """
    if is_pipe(path):
        raise OSError(errno.EINVAL, "is a named pipe", str(path))
    return path.read_bytes()


def text(path: Path) -> str:
    """Return a file's text with replacement characters for invalid UTF-8; "" if it can't be
    read."""
    try:
        return read(path).decode("utf-8", "replace")
    except OSError:
        return ""


def is_pipe(path: Path) -> bool:
    """Tell whether a path leads to a named pipe or a socket.

    Raises TaskFailure, like all functions here, if the path is on a file system that does not
    answer.
    """
    file_systems.check(path)
    try:
        return stat.S_IFMT(os.stat(path).st_mode) in PIPES
    except OSError:
        return False


def exists(path: Path) -> bool:
    """Tell whether a path exists."""
    file_systems.check(path)
    return os.path.exists(path)
