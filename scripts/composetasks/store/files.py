"""The library's own files: read only if they are regular files, and written completely or not at
all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

ROOT = 0


def read(path: Path, *, own: bool = False) -> bytes:
    """The content of a regular file. Raises OSError, also for a link, a pipe (reading would block)
    or a folder, and, with ``own``, for a file of another user."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        if own and not _is_own(status.st_uid, path):
            raise OSError(errno.EPERM, "belongs to another user", str(path))
        return stream.readall()


def _is_own(user: int, path: Path) -> bool:
    """Whether ``user`` runs this program. Root in another user's project may also use that user's
    files, since it runs that user's tasks anyway."""
    runs = os.geteuid()
    return user == runs or (runs == ROOT and user == os.stat(path.parent).st_uid)


def write(path: Path, data: bytes) -> None:
    """Write a file completely or not at all, readable by its owner only. Raises OSError."""
    new = draft(path, data)
    try:
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the file's name to an OSError of a failed write in the block, such as on a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def draft(path: Path, data: bytes) -> str:
    """Create a new file next to ``path`` with ``data``, ready to replace ``path``; return its
    path."""
    new = f"{path}.{os.getpid()}-{os.urandom(3).hex()}.tmp"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb", buffering=0) as stream, naming(path):
            left = memoryview(data)
            while left:
                left = left[stream.write(left) :]
    except BaseException:
        os.unlink(new)
        raise
    return new
