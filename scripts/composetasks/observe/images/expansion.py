"""Expand variables in a Dockerfile's words as BuildKit does, as far as possible without a build.

Follows moby/buildkit frontend/dockerfile/shell (lex.go). A word that depends on an unknown value or
uses a rare form of expansion raises :class:`UnknownValue`; the caller then takes the safe side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#]")


class UnknownValue(Exception):
    """The value of a word can't be determined without building."""


@dataclass
class Variables:
    """The variables in scope. If ``open`` is true there may be unknown others (from a base image);
    a value of None is unknown. ``used`` collects the names that were looked up."""

    values: dict[str, str | None] = field(default_factory=dict)
    open: bool = False
    used: set[str] = field(default_factory=set)

    def get(self, name: str) -> str | None:
        """Return a variable's value, None if it is not set. Raises UnknownValue."""
        self.used.add(name)
        if name in self.values:
            value = self.values[name]
            if value is None:
                raise UnknownValue(name)
            return value
        if self.open:
            raise UnknownValue(name)
        return None

    def copy(self) -> Variables:
        return Variables(dict(self.values), self.open)


def expand(word: str, scope: Variables, escape: str = "\\") -> str:
    """Return ``word`` with quotes removed and variables replaced. Raises UnknownValue."""
    out: list[str] = []
    at, quote = 0, ""
    while at < len(word):
        char = word[at]
        if char == "'" and quote != '"':
            end = word.find("'", at + 1)
            if end < 0:
                raise UnknownValue(word)
            out.append(word[at + 1 : end])
            at = end + 1
        elif char == '"':
            quote = "" if quote else '"'
            at += 1
        elif char == escape and at + 1 < len(word):
            following = word[at + 1]
            keeps = bool(quote) and following not in ('"', "$", escape)
            out.append(char + following if keeps else following)
            at += 2
        elif char == "$":
            value, at = _variable(word, at + 1, scope, escape)
            out.append(value)
        else:
            out.append(char)
            at += 1
    if quote:
        raise UnknownValue(word)
    return "".join(out)


def _variable(word: str, at: int, scope: Variables, escape: str) -> tuple[str, int]:
    """Return the value of the variable whose ``$`` is before ``at``, and the position after it."""
    if word[at : at + 1] != "{":
        match = NAME.match(word, at)
        if not match:
            return "$", at
        return scope.get(match[0]) or "", match.end()
    end = _closing(word, at + 1)
    inner = word[at + 1 : end]
    match = NAME.match(inner)
    if not match:
        raise UnknownValue(word)
    rest = inner[match.end() :]
    return _modified(match[0], rest, scope, escape), end + 1


def _closing(word: str, at: int) -> int:
    depth = 1
    for place in range(at, len(word)):
        depth += {"{": 1, "}": -1}.get(word[place], 0)
        if not depth:
            return place
    raise UnknownValue(word)


def _modified(name: str, rest: str, scope: Variables, escape: str) -> str:
    if not rest:
        return scope.get(name) or ""
    match = re.match(r"(:?)([-+])(.*)", rest, re.DOTALL)
    if not match:
        # ${X#...}, ${X%...}, ${X/...}, ${X:?...} are rare and left to BuildKit.
        scope.used.add(name)
        raise UnknownValue(name)
    value = scope.get(name)
    there = bool(value) if match[1] else value is not None
    if match[2] == "-":
        return (value or "") if there else expand(match[3], scope, escape)
    return expand(match[3], scope, escape) if there else ""


def expand_known(word: str, scope: Variables, escape: str) -> str | None:
    """Return ``word`` expanded, None if its value can't be determined."""
    try:
        return expand(word, scope, escape)
    except UnknownValue:
        return None


def set_env(scope: Variables, text: str, escape: str) -> None:
    """Set the variables of an ENV instruction, in either of its forms."""
    words = list(quoted_words(text))
    before = scope.copy()
    if words and "=" not in words[0]:
        name, _, value = text.strip().partition(words[0])[2].partition("\0")
        scope.values[words[0]] = expand_known(name.strip(), before, escape)
        return
    for word in words:
        name, _, value = word.partition("=")
        scope.values[name] = expand_known(value, before, escape)


def quoted_words(text: str) -> Iterator[str]:
    """Yield the words that white space separates outside of quotes, with their quotes."""
    for match in re.finditer(r"(?:[^\s\"'\\]|\\.|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[\"'\\])+", text):
        yield match[0]
