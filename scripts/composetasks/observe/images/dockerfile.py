"""Parse a Dockerfile into instructions as BuildKit's parser does.

Follows moby/buildkit frontend/dockerfile/parser (parser.go, directives.go): continuation lines,
comments within them, parser directives, heredocs, flags. Unknown instructions are kept unchanged;
the caller decides what they mean.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from composetasks.observe.images.expansion import quoted_words

DIRECTIVE = re.compile(r"^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
COMMENT = re.compile(r"^[ \t]*#")
HEREDOC = re.compile(r"^(\d*)<<(-?)([^<]*)$")
TAKES_HEREDOC = ("ADD", "COPY", "RUN")
DIRECTIVES = ("escape", "syntax", "check")


class Instruction(NamedTuple):
    """One instruction: its keyword in capitals, its ``--flags``, the text after them, and the
    bodies of its heredocs by name. Lines count from 1."""

    keyword: str
    flags: tuple[str, ...]
    text: str
    first_line: int
    last_line: int
    heredocs: tuple[tuple[str, str], ...] = ()

    def flag(self, name: str) -> str | None:
        """Return the value of ``--name``: "" for a flag without a value, None if it is missing."""
        for flag in self.flags:
            key, _, value = flag[2:].partition("=")
            if key == name:
                return value
        return None

    def all_flags(self, name: str) -> list[str]:
        """Return all values of a flag that may be repeated."""
        parts = (flag[2:].partition("=") for flag in self.flags)
        return [value for key, _, value in parts if key == name]

    def words(self) -> list[str]:
        """Return the arguments, from the JSON form or split at white space. Quotes are kept."""
        if self.text.startswith("["):
            try:
                listed = json.loads(self.text)
            except ValueError:
                listed = None
            if isinstance(listed, list) and all(isinstance(word, str) for word in listed):
                return list(listed)
        return self.text.split()

    def source(self) -> str:
        """Return the instruction, heredocs included, in a form independent of its layout."""
        head = " ".join((self.keyword, *self.flags, self.text))
        bodies = "".join(f"\n<<{name}\n{body}" for name, body in self.heredocs)
        return head + bodies


class Dockerfile(NamedTuple):
    """A parsed Dockerfile. ``directives`` are in its first lines: syntax, escape, check."""

    instructions: tuple[Instruction, ...]
    directives: dict[str, str]

    @property
    def escape(self) -> str:
        return self.directives.get("escape", "\\")


def parse(text: str) -> Dockerfile:
    """Parse a Dockerfile. Never raises: BuildKit reports the errors in it."""
    text = text.removeprefix("\ufeff")
    raw = text.split("\n")
    lines = [line.rstrip("\r") for line in raw]
    directives = _directives(lines)
    escape = re.escape(directives.get("escape", "\\"))
    # A doubled escape character at the end of a line does not continue it.
    continued = re.compile(rf"(?:^|(?<=[^{escape}])){escape}[ \t]*$")
    return Dockerfile(tuple(_instructions(lines, raw, continued)), directives)


def parse_one(text: str) -> Instruction | None:
    """Parse a single instruction, such as an ONBUILD trigger."""
    instructions = parse(text).instructions
    return instructions[0] if instructions else None


def _directives(lines: list[str]) -> dict[str, str]:
    directives: dict[str, str] = {}
    for number, line in enumerate(lines):
        if number == 0 and line.startswith("#!"):
            continue
        match = DIRECTIVE.match(line)
        if not match or match[1].lower() not in DIRECTIVES:
            break
        directives.setdefault(match[1].lower(), match[2])
    return directives


def _instructions(
    lines: list[str], raw: list[str], continued: re.Pattern[str]
) -> Iterator[Instruction]:
    """Yield the instructions of ``lines``; heredoc bodies come unchanged from ``raw``."""
    at = 0
    while at < len(lines):
        first = at
        line = "" if COMMENT.match(lines[at]) else lines[at].lstrip()
        at += 1
        text, more = _trimmed(line, continued)
        while more and at < len(lines):
            following = lines[at]
            at += 1
            if COMMENT.match(following) or not following.strip():
                continue
            part, more = _trimmed(following, continued)
            text += part
        if not text.strip():
            continue
        keyword, flags, rest = _divided(text.strip())
        heredocs = []
        if _may_hold_heredocs(keyword, rest):
            for name, chomp in _heredoc_names(rest):
                body, at = _body(raw, at, name, chomp)
                heredocs.append((name, body))
        yield Instruction(keyword, flags, rest, first + 1, at, tuple(heredocs))


def _trimmed(line: str, continued: re.Pattern[str]) -> tuple[str, bool]:
    match = continued.search(line)
    return (line[: match.start()], True) if match else (line, False)


def _divided(text: str) -> tuple[str, tuple[str, ...], str]:
    keyword, _, rest = text.partition(" ")
    if "\t" in keyword:
        keyword, _, more = text.partition("\t")
        rest = more
    flags = []
    rest = rest.strip()
    while rest.startswith("--"):
        flag, rest = _first_word(rest)
        if flag == "--":
            break
        flags.append(flag)
    return keyword.upper(), tuple(flags), rest


def _first_word(text: str) -> tuple[str, str]:
    """Return the first word without its quotes, and the text after it."""
    word: list[str] = []
    quote = ""
    for place, char in enumerate(text):
        if quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "\"'":
            quote = char
        elif char.isspace():
            return "".join(word), text[place:].strip()
        else:
            word.append(char)
    return "".join(word), ""


def _may_hold_heredocs(keyword: str, rest: str) -> bool:
    if "<<" not in rest:
        return False
    if keyword == "ONBUILD":
        keyword, _, rest = _divided(rest)
    return keyword in TAKES_HEREDOC and not rest.startswith("[")


def _heredoc_names(text: str) -> Iterator[tuple[str, bool]]:
    """Yield name and chomp (``<<-``) of each heredoc that a line opens.

    A word that begins with a quote is no heredoc; a quoted name means that the body is not
    expanded.
    """
    for word in quoted_words(text):
        match = HEREDOC.match(word)
        name = re.sub(r"[\"'\\]", "", match[3]) if match else ""
        if match and name:
            yield name, match[2] == "-"


def _body(raw: list[str], at: int, name: str, chomp: bool) -> tuple[str, int]:
    body = []
    while at < len(raw):
        line = raw[at].lstrip("\t") if chomp else raw[at]
        at += 1
        # A carriage return at the end of a line belongs to the body, but not to the end marker.
        if line.rstrip("\r") == name:
            break
        body.append(line)
    return "\n".join(body), at


def mount_options(mount: str) -> dict[str, str]:
    """Return the options of a RUN's ``--mount``, which are a line of CSV."""
    options = {}
    for field_text in next(csv.reader([mount]), []):
        key, _, value = field_text.partition("=")
        options[key.strip().lower()] = value
    return options


def with_heredocs(instruction: Instruction) -> str:
    """Return an instruction's text with its flags and the bodies of its heredocs."""
    bodies = "".join(f"\n{body}\n{name}" for name, body in instruction.heredocs)
    return " ".join((*instruction.flags, instruction.text)) + bodies
