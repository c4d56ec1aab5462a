"""Plain text: other programs' output without terminal control sequences, and texts and lists
shortened to what a line can show."""

from __future__ import annotations

import re
from collections.abc import Iterable

CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""Escape sequences, control characters, bidirectional controls, and Unicode line separators."""
_OVERWRITTEN = re.compile(r"[\r\v\f\x1c-\x1e\x85\u2028\u2029]+")


def clean(text: str) -> str:
    """Return ``text`` without terminal escapes and control characters, except tab and newline."""
    return CONTROL.sub("", text)


def lines_of(text: str) -> list[str]:
    """The lines of a program's output, split at line feeds only: a carriage return belongs to a
    progress bar, and other separators are part of the text."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def parts_of(line: str) -> list[str]:
    """The texts that a line shows one after another in the same place, as plain text: a progress
    bar, and the text that overwrites it."""
    parts = (clean(part).rstrip() for part in _OVERWRITTEN.split(line))
    return [part for part in parts if part.strip()]


def cut(text: str, longest: int) -> str:
    """``text``, shortened to ``longest`` characters if it is longer."""
    return text if len(text) <= longest else f"{text[: max(longest - 1, 0)]}…"


def first_of(words: Iterable[str], shown: int, separator: str = ", ") -> str:
    """The first ``shown`` words and the number of the others: ``a, b and 3 more``."""
    every = list(words)
    more = f" and {len(every) - shown} more" if len(every) > shown else ""
    return separator.join(every[:shown]) + more
