"""The snapshots as a document, and as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from composetasks.facts import Snapshot
from composetasks.facts.units import size
from composetasks.report.documents import schema
from composetasks.report.text import aligned, clean


def snapshots_document(found: Iterable[Snapshot]) -> dict[str, Any]:
    return {"schema": schema("snapshots"), "snapshots": [_document(one) for one in found]}


def _document(one: Snapshot) -> dict[str, Any]:
    return {
        "name": one.name,
        "created": one.created,
        "bytes": one.bytes,
        "state": [
            {"name": part.name, "kind": part.kind, "bytes": part.bytes, "files": part.files}
            for part in one.state
        ],
        "problem": one.problem or None,
    }


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
