"""``snapshots``: lists what is kept."""

from __future__ import annotations

from typing import Any

from composetasks.facts import ExitCode, Snapshot
from composetasks.report.documents import schema
from composetasks.report.snapshots import lines
from composetasks.verbs.session import Session


def snapshots(session: Session) -> ExitCode:
    """The snapshots of this project, the oldest first."""
    from composetasks.store.snapshot_folder import SNAPSHOTS, load_all

    found = load_all(session.kept.root / SNAPSHOTS)
    document = {"schema": schema("snapshots"), "snapshots": [_document(one) for one in found]}
    session.reporter.result(document, lines(document))
    return ExitCode.OK


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
