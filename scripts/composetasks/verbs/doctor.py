"""``doctor``: whether everything that the stack stands on is as it must be."""

from __future__ import annotations

from typing import Any

from composetasks.facts import Check, ExitCode, Status
from composetasks.report.documents import schema
from composetasks.run.masking import safe
from composetasks.verbs.session import Session


def doctor(session: Session) -> ExitCode:
    """Look at all of it at once, show what was found, and end with 1 where something failed."""
    from composetasks.verbs.examination import Examination

    examination = Examination(session)
    try:
        checks = examination.checks()
        if (model := examination.model_or_none()) is not None:
            session.hide_literals(model)
    finally:
        examination.end()
    document = {"schema": schema("doctor"), "checks": [_document(one) for one in checks]}
    session.reporter.result(document, [])
    session.reporter.checks(document)
    failed = any(one.status is Status.FAILED for one in checks)
    return ExitCode.FAILED if failed else ExitCode.OK


def _document(one: Check) -> dict[str, Any]:
    return {
        "name": one.name,
        "status": one.status.value,
        "message": safe(one.message),
        "hint": safe(one.hint),
    }
