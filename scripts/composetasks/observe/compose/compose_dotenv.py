"""Read a dotenv file as Docker Compose does, without starting Compose.

Compose's dotenv dialect differs from python-dotenv's in comments, quotes, escapes and ``$``. This
module follows it rule by rule and, unlike Compose, continues after a line that Compose refuses, so
that every fault is found at once. The rules were compared with Compose 5.6.1 over thousands of
generated files; tests/functional/environment repeats the comparison with the installed Compose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from composetasks.facts import Reading

Lookup = Callable[[str], "str | None"]

BLANK = "\t\v\f\r \x85\xa0"
"""The characters that Compose skips around a name and before a value; no line breaks."""
SPACE = (
    BLANK + "\n\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
"""The characters that Compose skips between statements and strips from the end of a value."""
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
    """Compose would fail here. The text gives the reason and quotes no part of a value."""


def _ignore(_name: str) -> None:
    """Ignore an unset name."""


def _no_value(_name: str) -> None:
    """Look up no variable at all."""


def read(text: str, outer: Lookup = _no_value) -> list[Reading]:
    """Return the statements of a dotenv file in order, including those that Compose refuses.

    ``outer`` looks up variables that take precedence over the file's own (those of the process).
    """
    return list(_Parser(text.removeprefix("\ufeff"), outer).statements())


class _Open(NamedTuple):
    """A reference whose word is being read, and the text before the reference."""

    name: str
    operator: str
    before: list[str]
    end: int


def substitute(text: str, lookup: Lookup, unset: Callable[[str], None] = _ignore) -> str:
    """Return ``text`` with ``$NAME`` and ``${NAME...}`` replaced as in Compose, which does not
    limit the nesting depth.

    ``unset`` is called for each name that has neither value nor default, except names within a
    word. Raises Refused for a ``${`` that starts no reference, and for ``${NAME?}`` without a
    value.
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
    """Yield each name that ``text`` gives a default (``${NAME:-word}``, ``${NAME-word}``), nested
    ones included, with its word as written."""
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
    """Return the position of the closing brace for each ``{`` of a ``${`` that is closed."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for match in BRACE.finditer(text):
        if match[0] != "}":
            opened.append(match.end() - 1)
        elif opened:
            closing[opened.pop()] = match.start()
    return closing


def _braced(match: re.Match[str], closing: dict[int, int]) -> tuple[int, int]:
    """Return the start and end of the text between the braces of a reference.

    REFERENCE matches up to the last brace of a line; the text after the closing brace is not part
    of the reference.
    """
    inner: re.Match[str] | None = match
    close = closing.get(match.start("open"), match.end())
    if close < match.end():
        inner = REFERENCE.fullmatch(match.string, match.start(), close + len("}"))
    if inner is None or not inner["braced"]:
        raise Refused("'${' is not followed by a name and '}'")
    return inner.span("braced")


def _value(name: str, operator: str, word: str, lookup: Lookup) -> str:
    """Return the value of ``NAME:-word``, ``NAME-word`` and so on."""
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
    """Return the character of an escape in double quotes; an unknown octal escape loses only its
    ``0``."""
    letter, dollar, octal = match.groups()
    if dollar:
        return "$$"  # the substitution that follows turns it into one
    if letter:
        return ESCAPES.get(letter, letter)
    if re.fullmatch("[0-3][0-7]{2}", octal):
        return chr(int(octal, 8))
    return f"\\{octal}"


class _Parser:
    """A single pass over a text; ``position`` is the current offset."""

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
        """Skip ``characters``, and tell whether any text is left."""
        while self.position < len(self.text) and self.text[self.position] in characters:
            self.position += 1
        return self.position < len(self.text)

    def end_of_line(self) -> int:
        end = self.text.find("\n", self.position)
        return len(self.text) if end < 0 else end

    def name(self) -> tuple[str, bool]:
        """Return the next name and whether it has no value; ``position`` is then before its
        value."""
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
        return "", False  # a last line with neither '=' nor line break is read as a value

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
        """Return a quoted value, which may span several lines; a new statement starts after it."""
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
