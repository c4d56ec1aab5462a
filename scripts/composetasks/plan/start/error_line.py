"""Which line of a log tells why a program failed.

Programs end their logs in their own ways: Python with the exception last, Java with the deepest
``Caused by:`` last, databases with FATAL and then a farewell. So lines are ranked by how much they
look like a reason, and of the best the last one is taken, the one nearest to the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from composetasks.facts.plain_text import parts_of

_HARMLESS = re.compile(
    r"\b(0|no|without) (errors?|failures?|warnings?)\b|\berrors?[=:] ?(0|none|null)\b"
    r"|\b(DEBUG|TRACE)\b",
    re.IGNORECASE,
)
_MILD = re.compile(r"\b(INFO|NOTICE|WARN|WARNING)\b|level=(info|warn)", re.IGNORECASE)
RANKS = (
    re.compile(r"^\s*Caused by: "),
    re.compile(
        r"\b(FATAL|PANIC|CRITICAL)\b|^panic: |^fatal(?: error)?: "
        r"|^(?:[A-Za-z_][\w$]*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)\b"
        r"|Exception in thread|OutOfMemoryError|segmentation fault",
    ),
    re.compile(
        r"\berror\b|permission denied|no such file|not found|connection refused|access denied"
        r"|address already in use|no space left|out of memory|operation not permitted"
        r"|read-only file system|name or service not known|could not translate host name",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(can'?not|can't|could not|couldn't|unable|failed|failure|denied|refused|invalid|missing"
        r"|unknown|unrecogni[sz]ed|undefined|killed|aborted|timed out|exceeded)\b",
        re.IGNORECASE,
    ),
)
"""What a reason looks like, the surest first."""


def rank(line: str) -> int:
    """How sure it is that a line tells a reason: 0 for the surest, ``len(RANKS)`` for none."""
    if _HARMLESS.search(line):
        return len(RANKS)
    position = next((at for at, pattern in enumerate(RANKS) if pattern.search(line)), len(RANKS))
    mild = _MILD.search(line) is not None and position not in (0, len(RANKS))
    return min(len(RANKS) - 1, position + 1) if mild else position


def plain_line(line: str) -> str:
    """A line of a log as plain text; of one that was printed over, as progress bars are, the part
    that looks most like a reason, or the last."""
    parts = parts_of(line)
    return min(reversed(parts), key=rank, default="")


def error_line(lines: Sequence[str]) -> int | None:
    """The index of the line that tells why, None where none does."""
    best = min(map(rank, lines), default=len(RANKS))
    if best == len(RANKS):
        return None
    return max(at for at, line in enumerate(lines) if rank(line) == best)
