"""``doctor``: checks everything that the stack depends on."""

from __future__ import annotations

from composetasks.facts import ExitCode, Status
from composetasks.report.documents import doctor_document
from composetasks.run import waiting
from composetasks.verbs.session import Session

LONG_SECONDS = 4.0
"""The delay before it is announced that a check still runs."""


def doctor(session: Session) -> ExitCode:
    """Run all checks at once, show the results, and exit with code 1 if a check failed."""
    from composetasks.verbs.examination import Examination

    examination = Examination(session)
    try:
        with waiting.on("the slowest check", LONG_SECONDS):
            checks = examination.checks()
        if (model := examination.model.or_none()) is not None:
            session.project.hide_literals(model)
    finally:
        examination.end()
    document = doctor_document(checks)
    session.reporter.result(document, [])
    if session.reporter.draws:
        from composetasks.report.doctor import show

        show(session.reporter.page, document)
    failed = any(one.status is Status.FAILED for one in checks)
    return ExitCode.FAILED if failed else ExitCode.OK
