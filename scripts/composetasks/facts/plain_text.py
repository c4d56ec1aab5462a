"""What other programs print, as plain text: without what only a terminal understands."""

from __future__ import annotations

import re

CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""Escapes, control characters, and what makes a line run backwards or end where it does not."""
_OVERWRITTEN = re.compile(r"[\r\v\f\x1c-\x1e\x85\u2028\u2029]+")


def clean(text: str) -> str:
    """``text`` without terminal escapes and control characters (tab and newline stay)."""
    return CONTROL.sub("", text)


def lines_of(text: str) -> list[str]:
    """The lines of a program's output. They end at a line feed and nowhere else: a carriage return
    is a progress bar's, and other separators are part of what is said."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def parts_of(line: str) -> list[str]:
    """What a line says one after the other in its place, as plain text: a progress bar, and what
    was printed over it."""
    parts = (clean(part).rstrip() for part in _OVERWRITTEN.split(line))
    return [part for part in parts if part.strip()]
