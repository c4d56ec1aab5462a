"""``.dockerignore`` as BuildKit applies it.

Follows moby/patternmatcher (patternmatcher.go, ignorefile/ignorefile.go): the last pattern that
matches a path or one of its parents decides. The Docker SDK's matcher differs: it keeps
``.dockerignore`` itself in every context, and costs a match per pattern and file. With it go the
excludes of a part of a context, which a COPY names.
"""

from __future__ import annotations

import posixpath
import re
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from composetasks.observe.images.selection import Root

ESCAPED = frozenset(".+()|{}$")


def read_patterns(text: str) -> list[str]:
    """The patterns of an ignore file, cleaned; an exception keeps its leading ``!``."""
    patterns = []
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.startswith("#"):
            continue
        pattern = line.strip()
        exception = pattern.startswith("!")
        pattern = pattern[1:].strip() if exception else pattern
        if not pattern:
            continue
        pattern = clean(pattern)
        if len(pattern) > 1:
            pattern = pattern.removeprefix("/")
        patterns.append(f"!{pattern}" if exception else pattern)
    return patterns


def cleaned(pattern: str) -> str:
    """A pattern of ``--exclude``: a leading slash stays (and matches nothing), and the ``!`` of an
    exception is taken for the beginning of a name (so that ``!./a`` is no exception to ``a``)."""
    return clean(pattern.strip())


def clean(path: str) -> str:
    """Go's filepath.Clean."""
    cleaned = posixpath.normpath(path)
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned


def pattern_expression(pattern: str) -> str:
    """The regular expression that a cleaned pattern stands for, to be matched whole."""
    out = []
    at, size = 0, len(pattern)
    while at < size:
        char = pattern[at]
        at += 1
        if char == "*" and pattern[at : at + 1] == "*":
            at += 1
            if pattern[at : at + 1] == "/":
                at += 1
            out.append("(?:.*/)?" if at < size else ".*")
        elif char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char in ESCAPED:
            out.append("\\" + char)
        elif char == "\\":
            if at < size:
                out.append("\\" + pattern[at])
                at += 1
            else:
                out.append("\\\\")
        elif char == "^":
            out.append("^" if out and out[-1] == "[" else "\\^")
        else:
            out.append(char)
    return "".join(out)


class FolderMatch(NamedTuple):
    """Which patterns match a folder, for what is within it, and whether it is ignored."""

    matched: frozenset[int] = frozenset()
    ignored: bool = False


class Ignore:
    """The patterns of one ignore file. Paths are relative to the context, without a leading
    slash; ask top down, giving each path its parent's state."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self._negative = [pattern.startswith("!") for pattern in patterns]
        self._expressions = [_compiled(pattern.removeprefix("!")) for pattern in patterns]
        self._exceptions = [p[1:] for p in patterns if p.startswith("!")]
        joined = [e.pattern for e in self._expressions if e is not None]
        self._any = _expression("|".join(f"(?:{one})" for one in joined) or "(?!)")
        self._prefixes: list[str] | None = [_prefix(p) for p in self._exceptions]
        if any(re.search(r"[*?\[^\\]", prefix) for prefix in self._prefixes or ()):
            self._prefixes = None

    def state(self, path: str, parent: FolderMatch) -> FolderMatch:
        """The state of ``path``, whose folder has the state ``parent``."""
        if not parent.matched and not self._any.fullmatch(path):
            return parent
        matched, ignored = set(), False
        for number, expression in enumerate(self._expressions):
            if number not in parent.matched:
                # As in patternmatcher's MatchesUsingParentResults: what would change nothing now
                # is not even looked at, and does not count for what is below either.
                if self._negative[number] != ignored or expression is None:
                    continue
                if not expression.fullmatch(path):
                    continue
            matched.add(number)
            ignored = not self._negative[number]
        return FolderMatch(frozenset(matched), ignored)

    def ignored(self, path: str) -> bool:
        """Whether a path is ignored, its parents looked at too."""
        state = FolderMatch()
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            state = self.state("/".join(parts[:count]), state)
        return state.ignored

    def may_hold_exceptions(self, folder: str) -> bool:
        """Whether an ignored folder may hold something that is not ignored."""
        if not self._exceptions:
            return False
        if self._prefixes is None:
            return True
        return any(f"{prefix}/".startswith(f"{folder}/") for prefix in self._prefixes)


def _compiled(pattern: str) -> re.Pattern[str] | None:
    if pattern.startswith("**") and not re.search(r"[*?\[\]\\]", pattern[2:]):
        # A leading ** alone is a match of the end: **/foo and **foo.
        suffix = pattern[2:]
        whole = re.escape(suffix[1:]) if suffix.startswith("/") else None
        expression = f".*{re.escape(suffix)}" + (f"|{whole}" if whole else "")
        return _expression(expression)
    try:
        return _expression(pattern_expression(pattern))
    except (re.error, OverflowError, RecursionError):
        return None


def _expression(text: str) -> re.Pattern[str]:
    """``text`` compiled. That ``[`` within a class is literal, as it is in Go, is meant so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(text, re.DOTALL)


def _prefix(pattern: str) -> str:
    return re.sub(r"(/\*+)+$", "", pattern)


States = tuple[FolderMatch, ...]
"""A folder's state for the ignore file, and for a root's excludes where it has any."""


def ignored_in(states: States) -> bool:
    return any(state.ignored for state in states)


class ContextFilter:
    """What of a root is left out: by the ignore file, seen from the context, and by the root's
    own excludes, seen from the root."""

    def __init__(self, ignore: Ignore, root: Root) -> None:
        self._ignore = ignore
        self._excludes = Ignore(root.excludes) if root.excludes else None
        self._skip = len(root.path) + 1 if root.path else 0

    def start(self, state: FolderMatch) -> States:
        """The states of the root itself."""
        return (state,) if self._excludes is None else (state, FolderMatch())

    def state(self, path: str, parent: States) -> States:
        """The states of ``path``, whose folder has the states ``parent``."""
        state = self._ignore.state(path, parent[0])
        if self._excludes is None:
            return (state,)
        return state, self._excludes.state(path[self._skip :], parent[1])

    def may_hold_exceptions(self, path: str) -> bool:
        """Whether a folder that is left out may hold something that is not."""
        if self._ignore.may_hold_exceptions(path):
            return True
        return self._excludes is not None and self._excludes.may_hold_exceptions(path[self._skip :])
