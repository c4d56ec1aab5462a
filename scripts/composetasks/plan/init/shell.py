"""Parse a shell script into its simple commands, line by line, with as much of the grammar
(POSIX.1-2024, 2.9 and 2.10) as scripts that start a stack use. Lines that can't be parsed are
marked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from composetasks.facts.frozen import frozen

LISTED = "$LISTED"
"""Replaces a substitution that lists objects of the engine, whoever made them."""
DOTENV = "$OTHER.env"
"""Replaces a substitution that reads a dotenv file."""
OTHER = "$OTHER"
"""Replaces any other substitution."""

_LISTING = re.compile(r"docker\s+(ps|images|container\s+ls|image\s+ls|volume\s+ls|network\s+ls)\b")
_SUBSTITUTION = re.compile(r"\$\(\([^()]*\)\)|\$\([^()]*\)|`[^`]*`")
_HEREDOC = re.compile(r"<<-?\s*\\?(['\"]?)([A-Za-z_]\w*)\1")
_FUNCTION = re.compile(r"^\s*(?:function\s+([\w:-]+)\s*(?:\(\s*\))?|([\w:-]+)\s*\(\s*\))\s*\{?")
_CASE = re.compile(r"^\s*\(?[^()\s;]+\)")
"""The pattern that begins a branch of ``case``."""
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*\+?=")
_VARIABLE = re.compile(r"^\$\{?([A-Za-z_]\w*)\}?$")
_LOOP = re.compile(r"^\s*(?:until|while)\b")
_OPENS, _CLOSES = re.compile(r"(?:^|;|&&|\|\|)\s*do\b"), re.compile(r"(?:^|;|\s)done\b")
KEYWORDS = frozenset({"if", "then", "elif", "else", "do", "!", "{", "}", "fi", "done", "esac"})
PREFIXES = frozenset({"sudo", "nohup", "exec", "command", "time", "env", "xargs", "eval"})
OPTIONS_WITH_VALUE = frozenset({"-n", "-I", "-u", "-L", "-P"})
"""Options of the prefixes (xargs, sudo) that take a value as the next word."""
LONGEST = 40
"""The maximum number of lines of a quoted text."""


@frozen
class Lines:
    """The lines ``first`` to ``last`` of a script and their simple commands (None if they could not
    be parsed); ``waits`` marks a loop that sleeps."""

    first: int
    last: int
    text: str
    commands: tuple[tuple[str, ...], ...] | None = ()
    waits: bool = False


def read(script: str) -> list[Lines]:
    """The parts of a script without blank lines, comments and here documents."""
    lines = script.splitlines()
    aliases: dict[str, tuple[str, ...]] = {}
    functions = {name for line in lines if (name := _function(line))}
    parsed: list[Lines] = []
    at = 0
    in_case = 0
    while at < len(lines):
        first = at
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        if (end := _waiting_loop(lines, at)) is not None:
            text = " ".join(line.strip() for line in lines[at : end + 1])
            parsed.append(Lines(first + 1, end + 1, text, waits=True))
            at = end + 1
            continue
        tokens, at = _tokens(lines, at, in_case > 0)
        text = " ".join(line.strip().rstrip("\\").strip() for line in lines[first:at])
        heredoc = _HEREDOC.search(text)
        if heredoc:
            at = _after_heredoc(lines, at, heredoc[2])
        if tokens is None:
            parsed.append(Lines(first + 1, at, text, None))
            continue
        in_case += tokens.count("case") - tokens.count("esac")
        commands = []
        for words in (one for pipeline in _split(tokens) for one in _of_pipeline(pipeline)):
            _remember(words, aliases)
            if command := _command(words, aliases, functions):
                commands.append(command)
        parsed.append(Lines(first + 1, at, text, tuple(commands)))
    return parsed


def _function(line: str) -> str:
    match = _FUNCTION.match(line)
    return (match[1] or match[2]) if match else ""


def _waiting_loop(lines: Sequence[str], at: int) -> int | None:
    """The last line of the loop that begins here, if the loop waits; else None."""
    if not _LOOP.match(lines[at]):
        return None
    depth = 0
    for end in range(at, min(at + LONGEST, len(lines))):
        depth += len(_OPENS.findall(lines[end])) - len(_CLOSES.findall(lines[end]))
        if depth <= 0 and _CLOSES.search(lines[end]):
            waits = any(re.search(r"\bsleep\b", line) for line in lines[at : end + 1])
            return end if waits else None
    return None


def _tokens(lines: Sequence[str], at: int, in_case: bool) -> tuple[list[str] | None, int]:
    """The words and operators of the logical line that begins here, and the line after it."""
    joined = ""
    for end in range(at, min(at + LONGEST, len(lines))):
        joined += lines[end] + "\n"
        if joined.endswith("\\\n"):
            joined = f"{joined[:-2]} "
            continue
        try:
            return _lexed(_CASE.sub("", joined) if in_case else joined), end + 1
        except ValueError:  # a quote that is not closed yet
            continue
    return None, at + 1


def _lexed(text: str) -> list[str]:
    if match := _FUNCTION.match(text):
        text = text[match.end() :]
    while _SUBSTITUTION.search(text):
        text = _SUBSTITUTION.sub(lambda one: _stand_in(one[0]), text)
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    return list(lexer)


def _stand_in(substitution: str) -> str:
    if _LISTING.search(substitution):
        return LISTED
    return DOTENV if re.search(r"\.env\b", substitution) else OTHER


def _after_heredoc(lines: Sequence[str], at: int, word: str) -> int:
    end = next((n for n in range(at, len(lines)) if lines[n].strip() == word), at - 1)
    return end + 1


def _split(tokens: Sequence[str]) -> Iterator[list[str]]:
    """Yield the commands between operators, without redirections; a pipeline stays one list of
    words, with ``|`` between its commands."""
    words: list[str] = []
    skip = False
    for piece in tokens:
        if skip:
            skip = False
        elif piece and set(piece) <= set("<>&|();") and ("<" in piece or ">" in piece):
            skip = True
            if words and words[-1].isdigit():
                words.pop()
        elif piece and set(piece) <= set("&|();"):
            if words and piece != "|":
                yield words
                words = []
            elif words:
                words.append(piece)
        else:
            words.append(piece)
    if words:
        yield words


def _of_pipeline(words: Sequence[str]) -> list[list[str]]:
    """The commands of a pipeline; a list piped to ``xargs`` is a word of the command it runs."""
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    commands = [one for one in commands if one]
    fed = next((n for n, one in enumerate(commands) if "xargs" in one[:2]), None)
    if not fed:
        return commands
    listing = " ".join(commands[0])
    by_name = "name=" in listing or "label=" in listing
    listed = [LISTED] if _LISTING.search(listing) and not by_name else []
    return [[*commands[fed], *listed], *commands[fed + 1 :]]


def _remember(words: Sequence[str], aliases: dict[str, tuple[str, ...]]) -> None:
    """Record a variable that holds the beginning of a command, as in ``DC="docker compose"``."""
    for word in words:
        name, sign, value = word.partition("=")
        if sign and name.isidentifier() and value.startswith("docker"):
            aliases[name] = tuple(value.split())


def _command(
    words: Sequence[str], aliases: dict[str, tuple[str, ...]], functions: set[str]
) -> tuple[str, ...]:
    """A simple command without keywords, assignments and prefixes; empty if nothing is left."""
    left = list(words)
    while left:
        if left[0] in KEYWORDS or (_ASSIGNMENT.match(left[0]) and len(left) > 1):
            left = left[1:]
        elif left[0] in PREFIXES and len(left) > 1 and not _asks(left):
            left = left[1:]
            while len(left) > 1 and left[0].startswith("-"):
                left = left[2 if left[0] in OPTIONS_WITH_VALUE else 1 :]
        elif (match := _VARIABLE.match(left[0])) and match[1] in aliases:
            left = [*aliases[match[1]], *left[1:]]
        else:
            break
    return () if left and left[0] in functions else tuple(left)


def _asks(words: Sequence[str]) -> bool:
    """Whether the command is ``command -v``, which runs nothing."""
    return words[0] == "command" and words[1] in ("-v", "-V")
