"""Asking the person at the terminal."""

from __future__ import annotations

import sys


def somebody_is_there() -> bool:
    """Whether a question would be seen, and could be answered."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str, yes: str = "y") -> bool:
    """Whether the answer to a question is ``yes``; for "y" the whole word may stand too."""
    print(question, end=" ", file=sys.stderr, flush=True)
    said = sys.stdin.readline().strip()
    return said == yes or (yes == "y" and said.lower() in ("y", "yes"))
