"""Numbers, sizes and durations in the forms used for people and in Compose files."""

from __future__ import annotations

import re

UNITS = {
    "w": 604800.0,
    "d": 86400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
"""The units of a duration, in seconds: Go's (https://pkg.go.dev/time#ParseDuration), and longer."""
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|[wdhms])")


def seconds(text: str) -> float:
    """The seconds of a duration (``1m30s``). Raises ValueError if it is not a duration."""
    if not text or _PART.sub("", text):
        raise ValueError(f"{text!r} is not a duration")
    return sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))


def size(count: float) -> str:
    """Bytes in the unit that keeps the number short, in powers of 1000: ``12.3 MB``, ``500 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def whole_number(text: str) -> int | None:
    """A whole number of at most nine ASCII digits; None for anything else. (``int`` refuses
    ``"²"``, for which ``isdigit()`` is true, and numbers of thousands of digits.)"""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def counted(count: int, noun: str) -> str:
    """A number of things, whose plural ends in s: ``1 file``, ``3 files``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
