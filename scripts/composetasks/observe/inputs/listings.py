"""Folders and files as they are listed and read: once in a run, whoever asks."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from composetasks.observe.inputs.entries import attributes
from composetasks.run.packing import pack, unpack

FOLDER = 0o040000
KIND = 0o170000
TRIES = 5
"""How often a folder is listed in which entries come and go meanwhile."""


Row = tuple[str, int, int, int, int, int, str]
"""Name, mode, size, modification time, change time, inode; extended attributes of a folder."""


class Unreadable(Exception):
    """A file of the context can't be read. ``path`` is its place."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class Ahead(Protocol):
    """Folders that someone else lists, from a time on."""

    started_ns: int

    def come(self) -> Iterable[tuple[str, bytes]]:
        """Path and listing of the folders that came since this was asked last."""
        ...


class Listings:
    """Folders listed during one run, so that services with the same context list them once;
    those that came ``ahead`` are not listed again."""

    def __init__(self, ahead: Ahead | None = None) -> None:
        self.started_ns = ahead.started_ns if ahead else time.time_ns()
        self._ahead = ahead
        self._listed: dict[str, bytes] = {}
        self._digests: dict[tuple[str, int, int, int], str] = {}

    def listing(self, path: str) -> bytes:
        """What a folder holds, as bytes that are equal when nothing changed."""
        if self._ahead is not None:
            self._listed.update(self._ahead.come())
        known = self._listed.get(path)
        if known is not None:
            return known
        for _ in range(TRIES):
            try:
                flat = list_folder(path)
                break
            except FileNotFoundError:
                # An entry went while the folder was listed, or the folder itself.
                flat = []
            except OSError as error:
                raise Unreadable(path, error.strerror or str(error)) from error
        listed = pack(flat)
        self._listed[path] = listed
        return listed

    def one(self, path: str) -> bytes:
        """The listing of a single file, as a folder's that holds nothing else."""
        try:
            status = os.lstat(path)
        except OSError:
            return pack([])
        row = (
            os.path.basename(path),
            status.st_mode,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
        )
        return pack(list(row))

    def digest(self, path: str, size: int, mtime: int, ctime: int) -> str:
        """The digest of a file's content."""
        key = (path, size, mtime, ctime)
        if key not in self._digests:
            self._digests[key] = _content(path)
        return self._digests[key]


def list_folder(path: str) -> list[str | int]:
    """The entries of a folder, one after the other: name, mode, size, both times, inode; of a
    folder name, mode and extended attributes."""
    flat: list[str | int] = []
    extend = flat.extend
    # From an open folder, names are looked up without walking the path to it each time.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                mode = status.st_mode
                name = entry.name
                if mode & KIND == FOLDER:
                    extend((name, mode, attributes(f"{path}/{name}")))
                else:
                    times = status.st_mtime_ns, status.st_ctime_ns
                    extend((name, mode, status.st_size, *times, status.st_ino))
    finally:
        os.close(descriptor)
    return flat


def rows(listing: bytes) -> Iterator[Row]:
    """The entries of a listing; a folder has no size, times and inode."""
    flat = unpack(listing) if listing else []
    at = 0
    while at < len(flat):
        if flat[at + 1] & KIND == FOLDER:
            yield flat[at], flat[at + 1], 0, 0, 0, 0, flat[at + 2]
            at += 3
        else:
            yield (*flat[at : at + 6], "")
            at += 6


def _content(path: str) -> str:
    digest = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0) as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except FileNotFoundError:
        return "gone"
    except OSError as error:
        raise Unreadable(path, error.strerror or str(error)) from error
    return digest.hexdigest()[:32]
