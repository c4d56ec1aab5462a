"""``snapshots``: lists the snapshots."""

from __future__ import annotations

from composetasks.facts import ExitCode
from composetasks.report.snapshots import lines, snapshots_document
from composetasks.verbs.session import Session


def snapshots(session: Session) -> ExitCode:
    """List the snapshots of this project, the oldest first."""
    from composetasks.store.snapshot_folder import SNAPSHOTS, load_all

    entries = load_all(session.own_folder.root / SNAPSHOTS)
    document = snapshots_document(entries)
    session.reporter.result(document, lines(document))
    return ExitCode.OK
