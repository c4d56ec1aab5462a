"""Times as the engine, Compose and BuildKit write them, and as docker's flags accept them: ``10m``,
RFC 3339, or Unix seconds. This module parses times and reads no clock."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime, timezone

from composetasks.facts import units

RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?"
)
_UNIX = re.compile(r"\d+(?:\.\d{1,9})?")


def unix_seconds(match: re.Match[str]) -> str:
    """A match of :data:`RFC3339` as Unix seconds with nine digits after the point. Raises
    ValueError for a day or an hour that does not exist."""
    day, clock, fraction, zone = match.groups()
    zone = (zone or "").upper().replace("Z", "+00:00")
    clock = clock or "00:00"
    if len(clock) == 5:
        clock += ":00"
    if zone and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    whole = int(datetime.fromisoformat(f"{day}T{clock}{zone}").timestamp())
    return f"{whole}.{(fraction or '.')[1:].ljust(9, '0')}"


def parse_time(stamp: str) -> datetime:
    """Parse a time (RFC 3339, up to nine digits of a second, of which six are kept) as UTC. Returns
    ``datetime.min`` if it is not a time."""
    match = RFC3339.fullmatch(stamp)
    try:
        whole, _, part = unix_seconds(match).partition(".") if match and match[2] else ("", "", "")
        return datetime.fromtimestamp(int(whole), timezone.utc).replace(microsecond=int(part[:6]))
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=timezone.utc)


def seconds(text: str, now: float) -> str:
    """The moment that ``text`` means, in Unix seconds with nine digits after the point.

    A duration (``90s``, ``1h30m``, ``2d``) is subtracted from ``now``; a time without a zone is in
    the machine's zone, as in docker. Raises ValueError, whose message lists the accepted forms.
    """
    text = text.strip()
    with contextlib.suppress(ValueError):
        return f"{max(0.0, now - units.seconds(text)):.9f}"
    if _UNIX.fullmatch(text):
        whole, _, part = text.partition(".")
        return f"{whole}.{part.ljust(9, '0')}"
    match = RFC3339.fullmatch(text)
    try:
        if match:
            return unix_seconds(match)
    except ValueError as error:
        raise _unreadable(text) from error
    raise _unreadable(text)


def _unreadable(text: str) -> ValueError:
    return ValueError(f"{text!r} is not a time: write 10m, 2026-01-31T12:00:00Z or Unix seconds")


def unix(stamp: str) -> str:
    """An engine's time (RFC 3339) as Unix seconds. Raises ValueError if it is not a time."""
    match = RFC3339.fullmatch(stamp)
    if match is None:
        raise ValueError(f"{stamp!r} is not a time")
    return unix_seconds(match)
