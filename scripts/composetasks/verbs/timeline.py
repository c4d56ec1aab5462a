"""``timeline``: the last start as a waterfall, and its critical path."""

from __future__ import annotations

from pathlib import Path

from composetasks.facts import ExitCode
from composetasks.facts.program import task
from composetasks.report.documents import timeline_document
from composetasks.run.failure import TaskFailure
from composetasks.verbs.picture import write_picture
from composetasks.verbs.session import Session


def timeline(session: Session, svg: str = "") -> ExitCode:
    """Show the last start by a run of ``up``, and draw it into the file ``svg``. No engine is
    needed: the run's record is enough."""
    from composetasks.observe.start.timeline import last_start
    from composetasks.plan.start.timeline import critical_path, shortenings

    if session.project.instance:
        from composetasks.verbs.instance import check_name

        check_name(session.project.instance)
    start = last_start(session.own_folder.runs)
    if start is None:
        raise TaskFailure(
            "no start is recorded yet",
            hint=f"{task('up')} records a start, unless it had nothing to do",
        )
    path, advice = critical_path(start), shortenings(start)
    if svg:
        from composetasks.report.timeline_svg import picture

        write_picture(Path(svg), picture(start, path))
    session.reporter.result(timeline_document(start, path, advice), [])
    if session.reporter.draws:
        from composetasks.report.timeline import show

        show(session.reporter.page, start, path, advice)
    if svg:
        session.reporter.note(f"written to {svg}")
    return ExitCode.OK
