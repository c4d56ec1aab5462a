"""Apply ``.dockerignore`` as BuildKit does, and the excludes of a COPY.

Follows moby/patternmatcher (patternmatcher.go, ignorefile/ignorefile.go): the last pattern that
matches a path or one of its parents decides. The Docker SDK's matcher differs: it keeps
``.dockerignore`` itself in every context, and costs a match per pattern and file.
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
    """Return the cleaned patterns of an ignore file; an exception keeps its leading ``!``."""
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
    """Return a cleaned pattern of ``--exclude``: a leading slash stays (and matches nothing), and
    the ``!`` of an exception counts as part of the name (so ``!./a`` is no exception to ``a``)."""
    return clean(pattern.strip())


def clean(path: str) -> str:
    """Clean a path as Go's filepath.Clean does."""
    cleaned = posixpath.normpath(path)
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned


def pattern_expression(pattern: str) -> str:
    """Return the regular expression for a cleaned pattern, to be matched against a whole path."""
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
    """The patterns that match a folder, which apply to its content, and whether it is ignored."""

    matched: frozenset[int] = frozenset()
    ignored: bool = False


class Ignore:
    """The patterns of one ignore file. Paths are relative to the context, without a leading slash;
    ask top down, passing the parent's state for each path."""

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
        """Return the state of ``path``, whose folder has the state ``parent``."""
        if not parent.matched and not self._any.fullmatch(path):
            return parent
        matched, ignored = set(), False
        for number, expression in enumerate(self._expressions):
            if number not in parent.matched:
                # As in patternmatcher's MatchesUsingParentResults, a pattern that would not change
                # the result here is skipped, and does not apply to the content below either.
                if self._negative[number] != ignored or expression is None:
                    continue
                if not expression.fullmatch(path):
                    continue
            matched.add(number)
            ignored = not self._negative[number]
        return FolderMatch(frozenset(matched), ignored)

    def ignored(self, path: str) -> bool:
        """Tell whether a path is ignored, by itself or through its parents."""
        state = FolderMatch()
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            state = self.state("/".join(parts[:count]), state)
        return state.ignored

    def may_hold_exceptions(self, folder: str) -> bool:
        """Tell whether an ignored folder may contain something that is not ignored."""
        if not self._exceptions:
            return False
        if self._prefixes is None:
            return True
        return any(f"{prefix}/".startswith(f"{folder}/") for prefix in self._prefixes)


def _compiled(pattern: str) -> re.Pattern[str] | None:
    if pattern.startswith("**") and not re.search(r"[*?\[\]\\]", pattern[2:]):
        # A leading ** with no other wildcard matches the end of a path: **/foo and **foo.
        suffix = pattern[2:]
        whole = re.escape(suffix[1:]) if suffix.startswith("/") else None
        expression = f".*{re.escape(suffix)}" + (f"|{whole}" if whole else "")
        return _expression(expression)
    try:
        return _expression(pattern_expression(pattern))
    except (re.error, OverflowError, RecursionError):
        return None


def _expression(text: str) -> re.Pattern[str]:
    """Compile ``text``. No warning for a ``[`` within a class: it is literal, as in Go."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(text, re.DOTALL)


def _prefix(pattern: str) -> str:
    return re.sub(r"(/\*+)+$", "", pattern)


States = tuple[FolderMatch, ...]
"""A folder's state for the ignore file, and for a root's excludes if it has any."""


def ignored_in(states: States) -> bool:
    return any(state.ignored for state in states)


class ContextFilter:
    """Decide what to leave out of a root: by the ignore file, relative to the context, and by the
    root's own excludes, relative to the root."""

    def __init__(self, ignore: Ignore, root: Root) -> None:
        self._ignore = ignore
        self._excludes = Ignore(root.excludes) if root.excludes else None
        self._skip = len(root.path) + 1 if root.path else 0

    def start(self, state: FolderMatch) -> States:
        """Return the states of the root itself."""
        return (state,) if self._excludes is None else (state, FolderMatch())

    def state(self, path: str, parent: States) -> States:
        """Return the states of ``path``, whose folder has the states ``parent``."""
        state = self._ignore.state(path, parent[0])
        if self._excludes is None:
            return (state,)
        return state, self._excludes.state(path[self._skip :], parent[1])

    def may_hold_exceptions(self, path: str) -> bool:
        """Tell whether a folder that is left out may contain something that is not left out."""
        if self._ignore.may_hold_exceptions(path):
            return True
        return self._excludes is not None and self._excludes.may_hold_exceptions(path[self._skip :])
