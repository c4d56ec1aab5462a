"""The snapshots as a document, and as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from composetasks.facts import Snapshot
from composetasks.facts.plain_text import clean
from composetasks.facts.units import size
from composetasks.report.documents import schema
from composetasks.report.text import aligned


def snapshots_document(snapshots: Iterable[Snapshot]) -> dict[str, Any]:
    return {"schema": schema("snapshots"), "snapshots": [_document(one) for one in snapshots]}


def _document(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "name": snapshot.name,
        "created": snapshot.created,
        "bytes": snapshot.bytes,
        "state": [
            {"name": part.name, "kind": part.kind, "bytes": part.bytes, "files": part.files}
            for part in snapshot.state
        ],
        "problem": snapshot.problem or None,
    }


def lines(document: Mapping[str, Any]) -> list[str]:
    """A line for each snapshot: name, time, size on disk, content."""
    rows = [
        [
            snapshot["name"],
            snapshot["created"],
            size(snapshot["bytes"]),
            ", ".join(f"{part['name']} ({size(part['bytes'])})" for part in snapshot["state"]),
            f"damaged: {snapshot['problem']}" if snapshot["problem"] else "",
        ]
        for snapshot in document["snapshots"]
    ]
    return [clean(line) for line in aligned(rows)] or ["no snapshots"]
