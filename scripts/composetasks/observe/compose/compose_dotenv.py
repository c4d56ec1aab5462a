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
from functools import partial

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


def substitute(text: str, lookup: Lookup, unset: Callable[[str], None] = _ignore) -> str:
    """``text`` with ``$NAME`` and ``${NAME...}`` replaced as Compose does it.

    ``unset`` is told of each name without value and default. Raises Refused for a ``${`` that is
    no reference, and for ``${NAME?}`` without a value.
    """
    return REFERENCE.sub(partial(_replaced, lookup=lookup, unset=unset), text)


def defaults(text: str) -> Iterator[tuple[str, str]]:
    """The names that ``text`` gives a default (``${NAME:-word}``, ``${NAME-word}``), nested ones
    included, and the word of each as it stands there."""
    for match in REFERENCE.finditer(text):
        end = _closing_brace(match[0]) if match["braced"] else -1
        if end < 0:
            continue
        inner = match[0][len("${") : end]
        operator = OPERATOR.search(inner)
        word = inner[operator.end() :] if operator else ""
        if operator and operator[0].endswith("-"):
            yield inner[: operator.start()], word
        yield from defaults(word)
        yield from defaults(match[0][end + 1 :])


def _replaced(match: re.Match[str], lookup: Lookup, unset: Callable[[str], None]) -> str:
    if match["dollar"]:
        return "$"
    if match["bare"]:
        return _plain(match["bare"], lookup, unset)
    # A braced match runs to the last brace; what follows the one that closes it is text again.
    end = _closing_brace(match[0])
    inner = REFERENCE.fullmatch(match[0], 0, end + 1) if end >= 0 else match
    if inner is None or not inner["braced"]:
        raise Refused("'${' is not followed by a name and '}'")
    rest = match[0][end + 1 :] if end >= 0 else ""
    return _value(inner["braced"], lookup, unset) + substitute(rest, lookup, unset)


def _plain(name: str, lookup: Lookup, unset: Callable[[str], None]) -> str:
    value = lookup(name)
    if value is None:
        unset(name)
    return value or ""


def _closing_brace(text: str) -> int:
    """Where the first ``${`` is closed, nested ones counted; -1 if it is not."""
    depth = 0
    for match in re.finditer(r"\$\{|\}", text):
        depth += 1 if match[0] == "${" else -1
        if depth == 0:
            return match.start()
    return -1


def _value(braced: str, lookup: Lookup, unset: Callable[[str], None]) -> str:
    """What stands for ``NAME``, ``NAME:-word``, ``NAME-word`` and so on."""
    operator = OPERATOR.search(braced)
    if operator is None:
        return _plain(braced, lookup, unset)
    name, word = braced[: operator.start()], substitute(braced[operator.end() :], lookup)
    value = lookup(name)
    present = bool(value) if operator[0].startswith(":") else value is not None
    if operator[0].endswith("+"):
        return word if present else ""
    if present:
        return value or ""
    if operator[0].endswith("?"):
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
        except RecursionError:
            self.position = self.end_of_line()
            return Reading(name, line, refused="references nested too deeply")
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
