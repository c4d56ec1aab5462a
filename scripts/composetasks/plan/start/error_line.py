"""Find the line of a log that says why a program failed.

Programs end their logs in different ways: Python with the exception last, Java with the deepest
``Caused by:`` last, databases with FATAL and then a closing line. So lines are ranked by how much
they look like a reason; of the lines with the best rank, the last one is taken.
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
"""Patterns of a reason, the most certain first."""


def rank(line: str) -> int:
    """How certainly a line gives a reason: from 0, the surest, to ``len(RANKS)``, no reason."""
    if _HARMLESS.search(line):
        return len(RANKS)
    position = next((at for at, pattern in enumerate(RANKS) if pattern.search(line)), len(RANKS))
    mild = _MILD.search(line) is not None and position not in (0, len(RANKS))
    return min(len(RANKS) - 1, position + 1) if mild else position


def plain_line(line: str) -> str:
    """A line of a log as plain text. Of a line that was overwritten, as by a progress bar, return
    the part that looks most like a reason; among equals, the last."""
    parts = parts_of(line)
    return min(reversed(parts), key=rank, default="")


_REPORTER = re.compile(r"(?<!\S)\S+: (?:exec: )?(?:line )?\d+: (?:exec: )?")


def without_script(line: str) -> str:
    """A shell's message without the name and line of the script that it ran: of
    ``/start.sh: line 3: /data/x: Permission denied``, the part from ``/data/x`` on. Bash, dash and
    BusyBox each write the prefix in their own way."""
    return _REPORTER.sub("", line, count=1)


def error_line(lines: Sequence[str]) -> int | None:
    """The index of the line that says why the program failed, None if no line does."""
    best = min(map(rank, lines), default=len(RANKS))
    if best == len(RANKS):
        return None
    return max(at for at, line in enumerate(lines) if rank(line) == best)
