"""Folders and files as they are listed and read: once in a run, whoever asks. What is told of one
is a short text, equal where the image would be equal."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator

from composetasks.observe.images.needs import Modes

FOLDER = 0o040000
KIND = 0o170000
SEPARATOR = "/"
SENT_ALONG = ("user.", "security.capability")
"""The extended attributes that BuildKit sends along."""
TRIES = 5
"""How often a folder is listed in which entries come and go meanwhile."""


Row = tuple[str, int, int, int, int, int, str]
"""Name, mode, size, modification time, change time, inode; extended attributes of a folder."""


class Unreadable(Exception):
    """A file of the context can't be read. ``path`` is its place."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class Listings:
    """Folders listed during one run, so that services with the same context list them once."""

    def __init__(self) -> None:
        self.started_ns = time.time_ns()
        self._listed: dict[str, str] = {}
        self._digests: dict[tuple[str, int, int, int], str] = {}

    def listing(self, path: str) -> str:
        """What a folder holds, as a text that is equal when nothing changed."""
        earlier = self._listed.get(path)
        if earlier is not None:
            return earlier
        for _ in range(TRIES):
            try:
                listed = list_folder(path)
                break
            except FileNotFoundError:
                # An entry went while the folder was listed, or the folder itself.
                listed = ""
            except OSError as error:
                raise Unreadable(path, error.strerror or str(error)) from error
        self._listed[path] = listed
        return listed

    def of_file(self, path: str) -> str:
        """The listing of a single file, as a folder's that holds nothing else."""
        try:
            status = os.lstat(path)
        except OSError:
            return ""
        row = (os.path.basename(path), status.st_mode, status.st_size)
        times = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return joined([(*row, *times, "")])

    def digest(self, path: str, size: int, mtime: int, ctime: int) -> str:
        """The digest of a file's content."""
        key = (path, size, mtime, ctime)
        if key not in self._digests:
            self._digests[key] = _content(path)
        return self._digests[key]


def list_folder(path: str) -> str:
    """The entries of a folder, one after the other: name, mode, size, both times, inode; of a
    folder name, mode and extended attributes. What separates them stands in no name."""
    # From an open folder, names are looked up without walking the path to it each time.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(descriptor) as entries:
            # Of a hundred thousand files a call for each would take a seventh of the whole.
            listed = [
                f"{entry.name}/{status.st_mode}/{status.st_size}"
                f"/{status.st_mtime_ns}/{status.st_ctime_ns}/{status.st_ino}"
                if (status := entry.stat(follow_symlinks=False)).st_mode & KIND != FOLDER
                else f"{entry.name}/{status.st_mode}/{attributes(f'{path}/{entry.name}')}"
                for entry in entries
            ]
    finally:
        os.close(descriptor)
    return SEPARATOR.join(listed)


def rows(listing: str) -> Iterator[Row]:
    """The entries of a listing; a folder has no size, times and inode. Raises ValueError or
    IndexError for a text that is no listing."""
    fields = listing.split(SEPARATOR) if listing else []
    at = 0
    while at < len(fields):
        name, mode = fields[at], int(fields[at + 1])
        if mode & KIND == FOLDER:
            yield name, mode, 0, 0, 0, 0, fields[at + 2]
            at += 3
        else:
            size, mtime, ctime, inode = map(int, fields[at + 2 : at + 6])
            yield name, mode, size, mtime, ctime, inode, ""
            at += 6


def joined(rows: Iterable[Row]) -> str:
    """The listing of these entries."""
    return SEPARATOR.join(
        f"{name}/{mode}/{extended}"
        if mode & KIND == FOLDER
        else f"{name}/{mode}/{size}/{mtime}/{ctime}/{inode}"
        for name, mode, size, mtime, ctime, inode, extended in rows
    )


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


def with_modes(text: str, modes: Modes) -> str:
    """An entry's text without what of its mode does not reach the image."""
    if modes is Modes.ALL or text[0] not in "fd":
        return text
    kind, mode, *rest = text.split(" ")
    runs = modes is Modes.EXECUTABLE and kind == "f" and int(mode, 8) & 0o111
    return " ".join((kind, "x" if runs else "-", *rest))


def folder_text(mode: int, attributes: str) -> str:
    """The text of a folder's own entry."""
    return f"d {mode & 0o7777:o}{attributes and ' '}{attributes}"


def attributes(path: str) -> str:
    """A digest of the extended attributes that BuildKit sends along and that are not the
    machine's own affair (as SELinux labels are); "" where there are none."""
    if not hasattr(os, "listxattr"):
        return ""  # macOS: its Python can't read them
    try:
        names = [n for n in os.listxattr(path, follow_symlinks=False) if n.startswith(SENT_ALONG)]
        if not names:
            return ""
        held = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names)]
    except OSError:
        return ""
    return hashlib.sha256(repr(held).encode()).hexdigest()[:16]
