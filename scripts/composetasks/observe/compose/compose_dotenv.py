"""What Docker Compose reads in a dotenv file, told without starting Compose.

Compose has a dotenv dialect of its own, which differs from python-dotenv's in comments, quotes,
escapes and ``$``. This module follows it rule by rule and, unlike Compose, goes on after a line
that Compose refuses, so that every fault is found at once. The rules were compared with Compose
5.6.1 over thousands of generated files; tests/functional/environment repeats that with the
Compose at hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from composetasks.facts import Reading

Lookup = Callable[[str], "str | None"]

BLANK = "\t\v\f\r \x85\xa0"
"""What Compose skips around a name and before a value; line breaks are not among it."""
SPACE = (
    BLANK + "\n\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
"""What Compose skips between statements and takes from a value's end."""
EXPORT = re.compile(r"export[\t\n\f\r ]+")
ESCAPE = re.compile(r'\\(?:([abfnrtv"\\])|(\$)|0([0-9]{0,3}))')
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<bare>[_a-z][_a-z0-9]*)"
    r"|(?P<open>\{)(?:(?P<braced>[_a-z][_a-z0-9]*(?::?[-+?].*)?)\})?)",
    re.IGNORECASE,
)
BRACE = re.compile(r"\$\{|\}")
OPERATOR = re.compile(r":?[-+?]")


class Refused(Exception):
    """Compose ends with an error here; the text says why, and quotes nothing of a value."""


def _ignore(_name: str) -> None:
    """Nobody wants to know."""


def read(text: str, outer: Lookup) -> list[Reading]:
    """The statements of a dotenv file in order, with those that Compose refuses.

    ``outer`` gives the variables that come before the file's own (those of the process).
    """
    return list(_Parser(text.removeprefix("\ufeff"), outer).statements())


class _Open(NamedTuple):
    """A reference whose word is being read, and what comes before it."""

    name: str
    operator: str
    before: list[str]
    end: int


def substitute(text: str, lookup: Lookup, unset: Callable[[str], None] = _ignore) -> str:
    """``text`` with ``$NAME`` and ``${NAME...}`` replaced as Compose does it, which sets no limit
    to how deeply they are nested.

    ``unset`` is told of each name without value and default, those in a word excepted. Raises
    Refused for a ``${`` that is no reference, and for ``${NAME?}`` without a value.
    """
    closing = _closing_braces(text)
    within: list[_Open] = []
    parts: list[str] = []
    at, end = 0, len(text)
    while True:
        match = REFERENCE.search(text, at, end)
        parts.append(text[at : match.start() if match else end])
        if match is None:
            word = "".join(parts)
            if not within:
                return word
            outer = within.pop()
            parts, at, end = outer.before, end + len("}"), outer.end
            parts.append(_value(outer.name, outer.operator, word, lookup))
            continue
        at = match.end()
        if match["dollar"]:
            parts.append("$")
            continue
        name = match["bare"]
        if not name:
            start, close = _braced(match, closing)
            operator = OPERATOR.search(text, start, close)
            if operator:
                within.append(_Open(text[start : operator.start()], operator[0], parts, end))
                parts, at, end = [], operator.end(), close
                continue
            name, at = text[start:close], close + len("}")
        value = lookup(name)
        if value is None and not within:
            unset(name)
        parts.append(value or "")


def defaults(text: str) -> Iterator[tuple[str, str]]:
    """The names that ``text`` gives a default (``${NAME:-word}``, ``${NAME-word}``), nested ones
    included, and the word of each as it stands there."""
    closing = _closing_braces(text)
    rest = [(0, len(text))]
    while rest:
        at, end = rest.pop()
        match = REFERENCE.search(text, at, end)
        if match is None:
            continue
        close = closing.get(match.start("open"), end) if match["braced"] else end
        if close >= match.end():
            rest.append((match.end(), end))
            continue
        rest.append((close + len("}"), end))
        operator = OPERATOR.search(text, match.start("braced"), close)
        if operator:
            rest.append((operator.end(), close))
            if operator[0].endswith("-"):
                yield text[match.start("braced") : operator.start()], text[operator.end() : close]


def _closing_braces(text: str) -> dict[int, int]:
    """Where each ``{`` of a ``${`` that is closed is closed."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for match in BRACE.finditer(text):
        if match[0] != "}":
            opened.append(match.end() - 1)
        elif opened:
            closing[opened.pop()] = match.start()
    return closing


def _braced(match: re.Match[str], closing: dict[int, int]) -> tuple[int, int]:
    """From where to where it goes what stands between the braces of a reference. A match runs to
    the last brace of a line; what follows the one that closes it is text again."""
    inner: re.Match[str] | None = match
    close = closing.get(match.start("open"), match.end())
    if close < match.end():
        inner = REFERENCE.fullmatch(match.string, match.start(), close + len("}"))
    if inner is None or not inner["braced"]:
        raise Refused("'${' is not followed by a name and '}'")
    return inner.span("braced")


def _value(name: str, operator: str, word: str, lookup: Lookup) -> str:
    """What stands for ``NAME:-word``, ``NAME-word`` and so on."""
    value = lookup(name)
    present = bool(value) if operator.startswith(":") else value is not None
    if operator.endswith("+"):
        return word if present else ""
    if present:
        return value or ""
    if operator.endswith("?"):
        raise Refused("it requires a variable that is not set")
    return word


def _unescaped(match: re.Match[str]) -> str:
    """The character of an escape in double quotes; one that is none loses only its ``0``."""
    letter, dollar, octal = match.groups()
    if dollar:
        return "$$"  # which the substitution that follows turns into one
    if letter:
        return ESCAPES.get(letter, letter)
    if re.fullmatch("[0-3][0-7]{2}", octal):
        return chr(int(octal, 8))
    return f"\\{octal}"


class _Parser:
    """Goes through a text once; ``position`` is where it has got to."""

    def __init__(self, text: str, outer: Lookup) -> None:
        self.text, self.outer, self.position = text, outer, 0
        self.values: dict[str, str] = {}
        self.unset: list[str] = []

    def statements(self) -> Iterator[Reading]:
        line, counted = 1, 0
        while self.skip(SPACE):
            if self.text[self.position] == "#":
                self.position = self.end_of_line()
                continue
            line += self.text.count("\n", counted, self.position)
            counted = self.position
            yield self.statement(line)

    def statement(self, line: int) -> Reading:
        name, self.unset = "", []
        try:
            name, alone = self.name()
            if " " in name:
                raise Refused("a name with a space in it")
            value = self.outer(name) if alone else self.value()
        except Refused as refused:
            self.position = self.end_of_line()
            return Reading(name, line, refused=str(refused))
        if value is not None:
            self.values[name] = value
        return Reading(name, line, value, unset=tuple(self.unset))

    def lookup(self, name: str) -> str | None:
        value = self.outer(name)
        return self.values.get(name) if value is None else value

    def skip(self, characters: str) -> bool:
        """Go past ``characters``; whether something is left."""
        while self.position < len(self.text) and self.text[self.position] in characters:
            self.position += 1
        return self.position < len(self.text)

    def end_of_line(self) -> int:
        end = self.text.find("\n", self.position)
        return len(self.text) if end < 0 else end

    def name(self) -> tuple[str, bool]:
        """The next name and whether it stands alone; ``position`` is then before its value."""
        if EXPORT.match(self.text, self.position):
            self.position += len("export")
            if not self.skip(BLANK):
                raise Refused("nothing to export")
        start = self.position
        for at in range(start, len(self.text)):
            char = self.text[at]
            if char in "=:\n":
                self.position = at + 1
                self.skip(BLANK)
                return self.text[start:at].rstrip(SPACE), char == "\n"
            if not (char.isalpha() or char.isnumeric() or char in BLANK or char in "_.-[]"):
                raise Refused(f"{char!r} in a name")
        return "", False  # a last line with neither '=' nor line break: it is read as a value

    def value(self) -> str:
        quote = self.text[self.position : self.position + 1]
        if quote and quote in "'\"":
            return self.quoted(quote)
        end = self.end_of_line()
        raw = self.text[self.position : end].split(" #", 1)[0].rstrip(SPACE)
        self.position, start = end, self.position
        try:
            return substitute(raw, self.lookup, self.unset.append)
        except Refused:
            self.position = start
            raise

    def expanded(self, value: str) -> str:
        return substitute(ESCAPE.sub(_unescaped, value), self.lookup, self.unset.append)

    def quoted(self, quote: str) -> str:
        """A quoted value, which may go over several lines; what follows it is a new statement."""
        characters: list[str] = []
        escaped = False
        for at in range(self.position + 1, len(self.text)):
            char = self.text[at]
            if char == quote and not escaped:
                self.position = at + 1
                value = "".join(characters)
                return value if quote == "'" else self.expanded(value)
            if char == "\\" and not escaped:
                escaped = True
                continue
            if escaped and char != quote:
                characters.append("\\")
            characters.append(char)
            escaped = False
        raise Refused(f"a {quote} is never closed")
