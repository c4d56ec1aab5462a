"""Find the paths on disk that the sources of a Dockerfile's instructions select in a context.

Wildcards are Go's filepath.Match, component by component. Links are followed within the context, as
BuildKit does (solver/../contenthash, client/llb FollowPaths), and are inputs.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from composetasks.observe.images.folders import attributes
from composetasks.observe.images.listings import folder_text, with_modes
from composetasks.observe.images.needs import Modes, Source

WILDCARD = re.compile(r"[*?\[\\]")
MOST_LINKS = 255


class Root(NamedTuple):
    """A file or folder that is an input with all its content except what ``excludes`` match,
    relative to the folder. ``text`` describes the folder itself."""

    path: str
    is_folder: bool
    text: str
    modes: Modes
    excludes: tuple[str, ...] = ()


class Selection(NamedTuple):
    """``on_the_way`` are further inputs: links that lead to the roots and, with ``--parents``, the
    folders above them."""

    roots: tuple[Root, ...]
    on_the_way: dict[str, str]


def select(folder: str, sources: Iterable[Source]) -> Selection:
    """Return the places in ``folder`` that ``sources`` name. Missing ones are left out."""
    finder = _PathFinder(folder)
    for source in sources:
        parts = [
            _Component(name, source.pattern and bool(WILDCARD.search(name)))
            for name in _inside(source.path).split("/")
            if name
        ]
        finder.find([], parts, source, 0)
    return Selection(tuple(_outermost(finder.roots)), finder.on_the_way)


def absent(folder: str, sources: Iterable[Source]) -> Iterator[str]:
    """Yield the paths in ``folder`` that ``sources`` name without wildcards and that do not
    exist."""
    for source in sources:
        inside = _inside(source.path)
        path = os.path.join(folder, inside)
        if not (source.pattern and WILDCARD.search(inside)) and not os.path.lexists(path):
            yield path


def _inside(path: str) -> str:
    """Return a path cleaned as if the context were the root of the file system."""
    return posixpath.normpath("/" + path).lstrip("/")


class _Component(NamedTuple):
    """A component of a path that is not followed yet."""

    name: str
    is_pattern: bool = False


class _PathFinder:
    """Follows paths from a context's folder: the roots that they lead to, and the links passed."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.on_the_way: dict[str, str] = {}
        self.roots: dict[Root, None] = {}

    def find(self, done: list[str], parts: list[_Component], source: Source, links: int) -> None:
        """Follow ``parts`` from the folder ``done``, and record where they lead."""
        path = "/".join(done)
        if not parts:
            self._note(path, source)
            return
        first, rest = parts[0], parts[1:]
        if source.parents and first.name == "**":
            self.find(done, rest, source, links)
            for name in self._subfolders(path) if rest else ():
                self.find([*done, name], parts, source, links)
            return
        if first.is_pattern:
            for name in self._matching(path, first.name):
                self.find(done, [_Component(name), *rest], source, links)
            return
        folders = [*done, first.name]
        target = self._link("/".join(folders))
        if target is None:
            self.find(folders, rest, source, links)
            return
        if links >= MOST_LINKS:
            return
        self.on_the_way["/".join(folders)] = f"l {target}"
        away = _inside(target if target.startswith("/") else "/".join([*done, target]))
        follow = [_Component(name) for name in away.split("/") if name]
        self.find([], [*follow, *rest], source, links + 1)

    def _link(self, path: str) -> str | None:
        try:
            return os.readlink(f"{self.folder}/{path}")
        except (OSError, ValueError):  # no file name contains a NUL
            return None

    def _matching(self, path: str, pattern: str) -> list[str]:
        matches = re.compile(component_expression(pattern), re.DOTALL).fullmatch
        try:
            names = os.listdir(f"{self.folder}/{path}" if path else self.folder)
        except (OSError, ValueError):
            return []
        return sorted(name for name in names if matches(name))

    def _subfolders(self, path: str) -> list[str]:
        try:
            with os.scandir(f"{self.folder}/{path}" if path else self.folder) as entries:
                return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
        except (OSError, ValueError):
            return []

    def _above(self, path: str, source: Source) -> None:
        """Record the folders above ``path`` that ``--parents`` creates in the image: those after a
        ``/./`` in the source, or all if it has none."""
        before, pivot, _ = source.path.partition("/./")
        skipped = len(_inside(before).split("/")) if pivot else 0
        parts = path.split("/")[:-1]
        for count in range(skipped + 1, len(parts) + 1):
            above = "/".join(parts[:count])
            place = f"{self.folder}/{above}"
            text = folder_text(os.lstat(place).st_mode, attributes(place))
            self.on_the_way[above] = with_modes(text, source.modes)

    def _note(self, path: str, source: Source) -> None:
        place = f"{self.folder}/{path}" if path else self.folder
        try:
            status = os.lstat(place)
        except (OSError, ValueError):
            return
        if source.parents:
            self._above(path, source)
        is_folder = stat.S_ISDIR(status.st_mode)
        text = folder_text(status.st_mode, attributes(place)) if is_folder and path else ""
        # A file that a source names directly is never excluded (measured).
        excludes = source.excludes if is_folder else ()
        self.roots[Root(path, is_folder, text, source.modes, excludes)] = None


CLASS = re.compile(r"(\^?)((?:\\.|[^\\])(?:\\.|[^\]\\])*)\]", re.DOTALL)
"""A character class after its ``[``: whether it is negated, and its members."""
MEMBER = re.compile(r"(\\.|[^\\])(?:-(\\.|[^\\]))?", re.DOTALL)
"""A member of a character class: a character, or the first and the last of a range."""


def component_expression(pattern: str) -> str:
    """Return the regular expression for one component of a Go filepath.Match pattern."""
    out, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "\\" and at < len(pattern):
            out.append(re.escape(pattern[at]))
            at += 1
        elif char == "[" and (match := CLASS.match(pattern, at)):
            out.append(_class_expression(*match.groups()))
            at = match.end()
        else:
            out.append(re.escape(char))
    return "".join(out)


def _class_expression(negated: str, members: str) -> str:
    """Return the regular expression for a character class; a reversed range is empty."""
    ranges = []
    for low, high in MEMBER.findall(members):
        first, last = low[-1], high[-1] if high else low[-1]
        if first <= last:
            ranges.append(f"{re.escape(first)}-{re.escape(last)}")
    if not ranges:
        return "[^/]" if negated else "(?!)"
    return f"[{negated}{''.join(ranges)}]"


def _outermost(roots: Iterable[Root]) -> list[Root]:
    """Return the roots, by path, without those inside another that covers at least their modes."""
    seen: dict[str, Modes] = {}
    outermost = []
    for root in sorted(roots, key=lambda root: (root.path, bool(root.excludes), -root.modes)):
        parts = root.path.split("/") if root.path else []
        above = ("/".join(parts[:count]) for count in range(len(parts) + 1))
        if not any(seen.get(path, -1) >= root.modes for path in above):
            if not root.excludes:
                seen[root.path] = root.modes
            outermost.append(root)
    return outermost
