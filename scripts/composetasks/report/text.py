"""Text helpers: durations, states, addresses, and aligned columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def duration(seconds: float) -> str:
    """Seconds in a readable form: ``0.4 s``, ``12.3 s``, ``2 min 05 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def after(seconds: float, *, done: bool) -> str:
    """The end of a run's last sentence: how long it took, or that there was nothing to do."""
    return f" after {duration(seconds)}" if done else ", nothing to do"


def age(seconds: float) -> str:
    """A duration in its two largest units: ``12 s``, ``3 h 05 min``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02d} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def state_of(service: Mapping[str, Any]) -> str:
    """A service's state in a word or two: its health, its exit code or its provider."""
    if service["state"] == "provided":
        return f"provider {service['provider']}"
    if service["state"] == "missing" and service.get("wanted") == 0:
        return "scaled to 0"
    if service["state"] == "exited" and service["exit_code"] is not None:
        return f"exited with code {service['exit_code']}"
    return str(service["health"] or service["state"])


def addresses(service: Mapping[str, Any]) -> str:
    """A service's addresses: on this machine, and on the engine's host if that is another."""
    addresses = ", ".join(service["urls"] or service["forwarded"] or service["ports"])
    forwarded = [one.split("->")[1] for one in service["forwarded"]]
    if service["urls"] and forwarded:
        return f"{addresses} (on the engine's host {', '.join(forwarded)})"
    return f"{addresses} on the engine's host" if forwarded else addresses


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
