"""Points in time as docker's flags take them: ``10m``, RFC 3339, or Unix seconds."""

from __future__ import annotations

import calendar
import contextlib
import re
import time
from datetime import datetime, timezone

from composetasks.facts import units
from composetasks.facts.timestamps import RFC3339, unix_seconds

_UNIX = re.compile(r"\d+(?:\.\d{1,9})?")


def seconds(text: str, now: float) -> str:
    """The moment ``text`` means, in Unix seconds with nine digits after the point.

    A duration (``90s``, ``1h30m``, ``2d``) lies before ``now``; a time without a zone is in the
    machine's own, as docker takes it. Raises ValueError, saying what may be written.
    """
    text = text.strip()
    with contextlib.suppress(ValueError):
        return f"{max(0.0, now - units.seconds(text)):.9f}"
    if _UNIX.fullmatch(text):
        whole, _, part = text.partition(".")
        return f"{whole}.{part.ljust(9, '0')}"
    found = RFC3339.fullmatch(text)
    try:
        if found:
            return unix_seconds(found)
    except ValueError as error:
        raise _unreadable(text) from error
    raise _unreadable(text)


def _unreadable(text: str) -> ValueError:
    return ValueError(f"{text!r} is not a time: write 10m, 2026-01-31T12:00:00Z or Unix seconds")


def rfc3339(moment: str) -> str:
    """Unix seconds with nine digits after the point, written as the engine writes times."""
    whole, _, part = moment.partition(".")
    stamp = datetime.fromtimestamp(int(whole), timezone.utc)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{part.ljust(9, '0')}Z"


def unix(stamp: str) -> str:
    """The other way: the engine's time (RFC 3339, UTC) as Unix seconds."""
    whole = calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S"))
    return f"{whole}.{stamp[20:].rstrip('Z').ljust(9, '0')}"
