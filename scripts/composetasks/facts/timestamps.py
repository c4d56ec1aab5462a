"""Times as the engine, Compose and BuildKit write them. They are read here; no clock is."""

from __future__ import annotations

import re
from datetime import datetime, timezone

RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?"
)


def unix_seconds(found: re.Match[str]) -> str:
    """A match of :data:`RFC3339` as Unix seconds with nine digits after the point. Raises
    ValueError for a day or an hour that there is not."""
    day, clock, fraction, zone = found.groups()
    zone = (zone or "").upper().replace("Z", "+00:00")
    clock = clock or "00:00"
    if len(clock) == 5:
        clock += ":00"
    if zone and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    whole = int(datetime.fromisoformat(f"{day}T{clock}{zone}").timestamp())
    return f"{whole}.{(fraction or '.')[1:].ljust(9, '0')}"


def moment(stamp: str) -> datetime:
    """A time (RFC 3339 with up to nine digits of a second, of which six are kept) in UTC;
    ``datetime.min`` for what is not a time."""
    found = RFC3339.fullmatch(stamp)
    try:
        whole, _, part = unix_seconds(found).partition(".") if found and found[2] else ("", "", "")
        return datetime.fromtimestamp(int(whole), timezone.utc).replace(microsecond=int(part[:6]))
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=timezone.utc)
