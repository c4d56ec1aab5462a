"""The snapshots as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from composetasks.facts.units import size
from composetasks.report.text import aligned, clean


def lines(document: Mapping[str, Any]) -> list[str]:
    """A line for each snapshot: name, time, size on disk, what it holds."""
    rows = [
        [
            one["name"],
            one["created"],
            size(one["bytes"]),
            ", ".join(f"{part['name']} ({size(part['bytes'])})" for part in one["state"]),
            f"damaged: {one['problem']}" if one["problem"] else "",
        ]
        for one in document["snapshots"]
    ]
    return [clean(line) for line in aligned(rows)] or ["there is no snapshot"]
