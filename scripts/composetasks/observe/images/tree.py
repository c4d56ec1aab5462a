"""The files of a context that a Dockerfile reads, and a cache of their digests.

An unchanged tree costs a listing and an lstat per file. The cache keeps the listing of each folder
(name, mode, size, both times, inode) as one text; if it is unchanged, nothing else of that folder
is read. Otherwise the changed files are read. As in git's index, the change time is part of the
listing: it reveals an edit that restores size and modification time.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from composetasks.observe.images import marks
from composetasks.observe.images.folders import FOLDER, KIND, SEPARATOR, attributes, mark
from composetasks.observe.images.ignore import (
    ContextFilter,
    FolderMatch,
    Ignore,
    States,
    ignored_in,
)
from composetasks.observe.images.listings import (
    Listings,
    Row,
    Unreadable,
    folder_text,
    joined,
    rows,
    with_modes,
)
from composetasks.observe.images.marks import Key as _Key
from composetasks.observe.images.needs import Modes
from composetasks.observe.images.selection import Root
from composetasks.store import cache_entry

VERSION = 5
RACY_NS = 50_000_000
"""A file changed this shortly before it was read may change again, unnoticed, within one tick of
the file system's clock (10 ms at most on Linux): it is read again the next time."""
COARSE_RACY_NS = 2_000_000_000
"""The same for file systems whose times are whole seconds."""
Subfolder = tuple[str, str, bool]
"""Name, text, and whether the folder itself is ignored (its content may not be)."""
IGNORED = {False: "-", True: "ignored"}


class _Folder(NamedTuple):
    """The cached data of a folder (or of a root that is a file): its listing, its files (name and
    text), its subfolders, its bytes. Lists are kept as texts: loading them creates few objects."""

    listing: str
    files: str
    subfolders: str
    size: int


class _CachedContext(NamedTuple):
    """The cache entry of a context: its folder, the selection of its files, and the results."""

    folder: str = ""
    view: str = ""
    folders: Mapping[_Key, _Folder] = MappingProxyType({})
    digest: str = ""
    size: int = 0
    biggest: tuple[tuple[str, int], ...] = ()


NOTHING = _CachedContext()


@dataclass
class Files:
    """The files of one context: their digest, bytes and largest entries, and how to list them."""

    digest: str
    size: int
    biggest: tuple[tuple[str, int], ...]
    changed: bool
    _read: Callable[[], Mapping[_Key, _Folder]]
    _roots: Sequence[Root]
    _on_the_way: Mapping[str, str]

    def entries(self) -> dict[str, str]:
        """Return a description of each path in the context: ``f`` (file), its mode in octal and the
        digest of its content; ``d`` (folder) and its mode; ``l`` (link) and its target. A digest of
        extended attributes follows, if there are any."""
        folders, entries = self._read(), dict(self._on_the_way)
        order = sorted(range(len(self._roots)), key=lambda number: self._roots[number].modes)
        for number in order:
            root = self._roots[number]
            if (number, root.path) not in folders:
                continue
            if not root.is_folder:
                for _, text in _files(folders[number, root.path]):
                    entries[root.path] = with_modes(text, root.modes)
                continue
            self._gather(folders, (number, root.path), root.modes, entries)
            if root.path:
                entries[root.path] = with_modes(root.text, root.modes)
        return entries

    def _gather(
        self, folders: Mapping[_Key, _Folder], key: _Key, modes: Modes, entries: dict[str, str]
    ) -> bool:
        folder, (number, path) = folders[key], key
        prefix = f"{path}/" if path else ""
        files = _files(folder)
        for name, text in files:
            entries[prefix + name] = with_modes(text, modes)
        some = bool(files)
        for name, text, ignored in _subfolders(folder):
            below = self._gather(folders, (number, prefix + name), modes, entries)
            if below or not ignored:
                entries[prefix + name] = with_modes(text, modes)
                some = True
        return some


def cache_file(cache: Path, service: str, context: str) -> Path:
    """Return the cache file of a service's context; "" is the context of its build section."""
    key = hashlib.sha256(json.dumps([service, context]).encode()).hexdigest()[:16]
    return cache / f"files-{key}"


def _understood(entry: Any) -> _CachedContext:
    """Convert a stored cache entry; raises an exception for another form or version."""
    folders = {
        (number, path): _Folder(listing, files, subfolders, size)
        for number, path, listing, files, subfolders, size in entry["folders"]
    }
    texts = (entry["folder"], entry["view"], entry["digest"])
    biggest = tuple((name, int(size)) for name, size in entry["biggest"])
    if entry["version"] != VERSION or not all(isinstance(one, str) for one in texts):
        raise ValueError("another version")
    if not all(map(_whole, folders.values())):
        raise ValueError("lists of another form")
    return _CachedContext(
        entry["folder"], entry["view"], folders, entry["digest"], entry["size"], biggest
    )


def _whole(folder: _Folder) -> bool:
    """Tell whether the lists of a folder can be split."""
    return (folder.files.count(SEPARATOR) % 2 == 1 if folder.files else True) and (
        folder.subfolders.count(SEPARATOR) % 3 == 2 if folder.subfolders else True
    )


class Reader:
    """Read everything under ``roots`` of the context ``folder`` that is not ignored, and the
    entries ``on_the_way`` to the roots. ``entry`` is the cache file (its folder must exist);
    ``names`` is the error handler of Python's codecs for names that are not UTF-8."""

    def __init__(
        self,
        folder: str,
        roots: Sequence[Root],
        on_the_way: Mapping[str, str],
        ignore: Ignore,
        entry: Path,
        listings: Listings,
        names: str = "strict",
    ) -> None:
        self.names = names
        self.folder, self.roots, self.on_the_way = folder, roots, on_the_way
        self.ignore, self.entry, self.listings = ignore, entry, listings
        self.new: dict[_Key, _Folder] = {}
        self.view = repr((folder, roots, sorted(on_the_way.items()), ignore.patterns))
        self.cached, self.old = NOTHING, NOTHING.folders
        self.same_view, self.differs = False, True
        self.filter = ContextFilter(ignore, Root("", True, "", Modes.ALL))

    def read(self) -> Files:
        """Return the files of the context. Raises Unreadable."""
        marked = marks.load(self.entry)
        if (
            marked
            and (marked.version, marked.view) == (VERSION, self.view)
            and self._hold(marked.of)
        ):
            # The descriptions of single files are seldom needed.
            files = self._files(marked.digest, marked.size, marked.biggest, False)
            return replace(files, _read=lambda: self._read_all()._read())
        return self._read_all()

    def _hold(self, of: Mapping[_Key, str]) -> bool:
        """Tell whether all listings still have these marks."""
        folders: dict[str, str] = {}
        files: dict[str, str] = {}
        for key, expected in of.items():
            (folders if self.roots[key[0]].is_folder else files)[self._place(key)] = expected
        return self.listings.hold(folders) and all(
            mark(self.listings.of_file(path)) == expected for path, expected in files.items()
        )

    def _read_all(self) -> Files:
        """Return the files of the context; only those that differ from the cache are read."""
        self.cached = cache_entry.load(self.entry, _understood) or NOTHING
        self.old = self.cached.folders
        # With another selection of the same folders, only cached digests are still valid.
        self.same_view = self.cached.view == self.view
        self.differs = not self.same_view
        for number, root in enumerate(self.roots):
            self._root(number, root)
        if not self.differs and len(self.new) == len(self.old):
            self._mark(self.cached)
            return self._files(self.cached.digest, self.cached.size, self.cached.biggest, False)
        size = sum(folder.size for folder in self.new.values())
        files = self._files("", size, self._biggest(), True)
        files.digest = self._digest(files.entries())
        cached = _CachedContext(self.folder, self.view, self.new, files.digest, size, files.biggest)
        folders = [(*key, *folder) for key, folder in self.new.items()]
        cache_entry.save(self.entry, {**cached._asdict(), "version": VERSION, "folders": folders})
        self._mark(cached)
        return files

    def _mark(self, cached: _CachedContext) -> None:
        """Store the marks by which the next run recognizes that nothing has changed."""
        of = {key: mark(folder.listing) for key, folder in cached.folders.items()}
        what = (self.folder, self.view, cached.digest, cached.size, cached.biggest)
        marks.save(self.entry, marks.Marks(VERSION, *what, of))

    def _files(
        self, digest: str, size: int, biggest: tuple[tuple[str, int], ...], changed: bool
    ) -> Files:
        new = self.new
        return Files(digest, size, biggest, changed, lambda: new, self.roots, self.on_the_way)

    def _digest(self, entries: Mapping[str, str]) -> str:
        lines = [f"{path}\0{text}\n" for path, text in sorted(entries.items())]
        try:
            return hashlib.sha256("".join(lines).encode("utf-8", self.names)).hexdigest()
        except UnicodeEncodeError:
            # BuildKit sends names and link targets as gRPC strings, which are UTF-8.
            odd = next(line.split("\0")[0] for line in lines if _is_no_text(line))
            name = os.fsencode(odd).decode("utf-8", "backslashreplace")
            why = "its name or link target is not UTF-8, which BuildKit can't receive"
            raise Unreadable(f"{self.folder}/{name}", why) from None

    def _biggest(self) -> tuple[tuple[str, int], ...]:
        """Return the three largest entries directly below the context, with their bytes."""
        sizes: dict[str, int] = {}
        for (_, path), folder in self.new.items():
            top = path.split("/", 1)[0] or "."
            sizes[top] = sizes.get(top, 0) + folder.size
        return tuple(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:3])

    def _root(self, number: int, root: Root) -> None:
        state = FolderMatch()
        parts = root.path.split("/") if root.path else []
        for count in range(1, len(parts) + 1):
            state = self.ignore.state("/".join(parts[:count]), state)
        if not root.is_folder:
            if not state.ignored:
                self._take((number, root.path), posixpath.dirname(root.path), None)
        elif not state.ignored or self.ignore.may_hold_exceptions(root.path):
            self.filter = ContextFilter(self.ignore, root)
            self._walk(number, root.path, self.filter.start(state))

    def _walk(self, number: int, start: str, state: States) -> None:
        todo = [(start, state)]
        while todo:
            path, state = todo.pop()
            folder = self._take((number, path), path, state)
            prefix = f"{path}/" if path else ""
            for name, _, _ in _subfolders(folder):
                todo.append((prefix + name, self.filter.state(prefix + name, state)))

    def _listing(self, key: _Key) -> str:
        """Return the current listing of a folder, or of a root that is a file."""
        if not self.roots[key[0]].is_folder:
            return self.listings.of_file(self._place(key))
        old = self.old.get(key)
        return self.listings.listing(self._place(key), old.listing if old else None)

    def _place(self, key: _Key) -> str:
        _, path = key
        return f"{self.folder}/{path}" if path else self.folder

    def _take(self, key: _Key, path: str, state: States | None) -> _Folder:
        """Return the cached folder if its listing is unchanged; otherwise read the folder."""
        old, listing = self.old.get(key), self._listing(key)
        if self.same_view and old is not None and old.listing == listing:
            folder = old
        else:
            self.differs = True
            folder = self._look(listing, path, state, old)
        self.new[key] = folder
        return folder

    def _look(self, listing: str, path: str, state: States | None, old: _Folder | None) -> _Folder:
        """Read what differs from ``old``. ``state`` is None if nothing is to be ignored."""
        digests = _texts_by_row(old) if old else {}
        prefix = f"{path}/" if path else ""
        racy = self.listings.started_ns - RACY_NS
        coarse = self.listings.started_ns - COARSE_RACY_NS
        files: list[tuple[str, str]] = []
        subfolders: list[Subfolder] = []
        listed: list[Row] = []
        size = 0
        for row in rows(listing):
            name, mode, length, mtime, ctime, inode, extended = row
            place = prefix + name
            if mode & KIND == FOLDER:
                listed.append(row)
                ignored = state is not None and ignored_in(self.filter.state(place, state))
                if not ignored or self.filter.may_hold_exceptions(place):
                    subfolders.append((name, folder_text(mode, extended), ignored))
                continue
            newest = max(mtime, ctime)
            again = newest > racy or (newest > coarse and not mtime % 1_000_000_000)
            listed.append((name, mode, length, mtime, 0, inode, "") if again else row)
            if stat.S_ISSOCK(mode):
                continue  # a socket exists only while a program listens on it
            if state is not None and ignored_in(self.filter.state(place, state)):
                continue
            text = digests.get(row)
            if text is None:
                text = self._text(place, row)
            files.append((name, text))
            size += length
        files.sort()
        subfolders.sort()
        return _Folder(joined(listed), _files_text(files), _subfolders_text(subfolders), size)

    def _text(self, path: str, row: Row) -> str:
        _, mode, size, mtime, ctime, _, _ = row
        place = f"{self.folder}/{path}"
        if stat.S_ISREG(mode):
            digest = self.listings.digest(place, size, mtime, ctime)
            extended = attributes(place)
            return f"f {mode & 0o7777:o} {digest}{extended and ' '}{extended}"
        if stat.S_ISLNK(mode):
            try:
                return f"l {os.readlink(place)}"
            except OSError:
                return "l"
        return f"s {stat.S_IFMT(mode):o} {mode & 0o7777:o}"


def _is_no_text(line: str) -> bool:
    """Tell whether a line contains bytes that are not UTF-8, which Python keeps as surrogates."""
    return any("\udc80" <= character <= "\udcff" for character in line)


def _texts_by_row(old: _Folder) -> dict[Row, str]:
    """Return the texts of a cached folder by the row for which they were read."""
    texts = dict(_files(old))
    try:
        return {row: texts[row[0]] for row in rows(old.listing) if row[0] in texts}
    except (ValueError, IndexError):
        return {}


# --- lists as texts -------------------------------------------------------------------------


def _files_text(files: Sequence[tuple[str, str]]) -> str:
    """Join files to one text; link targets, which may contain the separator, are quoted."""
    return SEPARATOR.join([part for name, text in files for part in (name, _quoted(text))])


def _subfolders_text(subfolders: Sequence[Subfolder]) -> str:
    return SEPARATOR.join(
        [part for name, text, ignored in subfolders for part in (name, text, IGNORED[ignored])]
    )


def _quoted(text: str) -> str:
    return text.replace("%", "%25").replace(SEPARATOR, "%2F") if text[:1] == "l" else text


def _unquoted(text: str) -> str:
    return text.replace("%2F", SEPARATOR).replace("%25", "%") if text[:1] == "l" else text


def _files(folder: _Folder) -> list[tuple[str, str]]:
    parts = folder.files.split(SEPARATOR) if folder.files else []
    return [(name, _unquoted(text)) for name, text in zip(parts[::2], parts[1::2], strict=True)]


def _subfolders(folder: _Folder) -> list[Subfolder]:
    parts = folder.subfolders.split(SEPARATOR) if folder.subfolders else []
    rows_of = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return [(name, text, ignored == IGNORED[True]) for name, text, ignored in rows_of]
