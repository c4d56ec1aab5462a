"""List and read folders and files, once in a run for all callers. The result for each is a short
text, which is equal if the image would be equal."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from composetasks.observe.images import folders
from composetasks.observe.images.folders import (
    FOLDER,
    KIND,
    SEPARATOR,
    UNKNOWN,
    list_folder,
    mark,
)
from composetasks.observe.images.needs import Modes

if TYPE_CHECKING:
    from composetasks.run.process import Running

ALONE_SECONDS = 0.02
"""How long this process lists folders alone: about the time that another process takes to start."""
MANY_FOLDERS = 500
"""Of so many folders, another process lists some from the beginning: they take longer anyway."""


Row = tuple[str, int, int, int, int, int, str]
"""Name, mode, size, modification time, change time, inode; extended attributes of a folder."""


class Unreadable(Exception):
    """The file of the context at ``path`` can't be read."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class Listings:
    """The folders listed in one run, so that services with the same context list them once."""

    def __init__(self) -> None:
        self.started_ns = time.time_ns()
        self._listed: dict[str, str] = {}
        self._marks: dict[str, str] = {}
        self._digests: dict[tuple[str, int, int, int], str] = {}

    def listing(self, path: str, earlier: str | None = None) -> str:
        """Return the content of a folder as a text that is equal if nothing changed: ``earlier`` if
        this run has already seen that the folder is unchanged."""
        if path not in self._listed:
            if earlier is None or self._marks.get(path) != mark(earlier):
                try:
                    earlier = list_folder(path)
                except OSError as error:
                    raise Unreadable(path, error.strerror or str(error)) from error
            self._listed[path] = earlier
        return self._listed[path]

    def hold(self, marks: Mapping[str, str]) -> bool:
        """Tell whether the listings of folders still have these marks."""
        rest = deque(path for path in marks if path not in self._marks)
        alone = ALONE_SECONDS if len(rest) < MANY_FOLDERS else 0
        alone_until = time.monotonic() + alone
        while rest and time.monotonic() < alone_until:
            self._look(rest.popleft(), marks)
        if rest:
            self._look_with_another(rest, marks)
        return all(self._marks[path] == expected for path, expected in marks.items())

    def _look(self, path: str, marks: Mapping[str, str]) -> None:
        """List a folder. The text is kept only if it differs from the expected one: for a hundred
        thousand files it has 8 MB."""
        try:
            listing = list_folder(path)
        except OSError:
            self._marks[path] = UNKNOWN  # unreadable by now; its parent then changed, too
            return
        self._marks[path] = mark(listing)
        if self._marks[path] != marks[path]:
            self._listed[path] = listing

    def _look_with_another(self, rest: deque[str], marks: Mapping[str, str]) -> None:
        """List folders from the first on, while another process lists them from the last on, until
        both meet."""
        from composetasks.run import process

        program = (sys.executable, "-I", "-S", "-X", "utf8", folders.__file__)
        names = "\n".join(os.fsencode(path).hex() for path in reversed(rest))
        with contextlib.ExitStack() as stack:
            another = None
            with contextlib.suppress(process.ProgramError):
                another = stack.enter_context(process.Running(program, stdin=names))
            while rest:
                self._look(rest.popleft(), marks)
                for text in _printed(another) if another else ():
                    if rest:
                        self._marks[rest.pop()] = text

    def of_file(self, path: str) -> str:
        """Return the listing of a single file, as of a folder with only that file."""
        try:
            status = os.lstat(path)
        except OSError:
            return ""
        row = (os.path.basename(path), status.st_mode, status.st_size)
        times = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return joined([(*row, *times, "")])

    def digest(self, path: str, size: int, mtime: int, ctime: int) -> str:
        """Return the digest of a file's content."""
        key = (path, size, mtime, ctime)
        if key not in self._digests:
            self._digests[key] = _content(path)
        return self._digests[key]


def _printed(another: Running) -> Iterator[str]:
    """Yield the lines that a program has printed so far, without waiting for more."""
    with contextlib.suppress(TimeoutError):
        while line := another.line(0):
            if line.stream == "stdout":
                yield line.text


def rows(listing: str) -> Iterator[Row]:
    """Yield the entries of a listing; a folder has no size, times and inode. Raises ValueError or
    IndexError for a text that is not a listing."""
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
    """Return the listing that consists of these entries."""
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
    """Return an entry's text without the part of its mode that does not reach the image."""
    if modes is Modes.ALL or text[0] not in "fd":
        return text
    kind, mode, *rest = text.split(" ")
    runs = modes is Modes.EXECUTABLE and kind == "f" and int(mode, 8) & 0o111
    return " ".join((kind, "x" if runs else "-", *rest))


def folder_text(mode: int, attributes: str) -> str:
    """Return the text that describes a folder itself."""
    return f"d {mode & 0o7777:o}{attributes and ' '}{attributes}"
