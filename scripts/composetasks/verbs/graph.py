"""``graph``: the services' dependencies, with health and ports, as Mermaid."""

from __future__ import annotations

from collections.abc import Sequence

from composetasks.facts import ExitCode
from composetasks.report.graph import graph_document, mermaid
from composetasks.run.failure import TaskFailure
from composetasks.verbs.services import service_documents
from composetasks.verbs.session import Session


def graph(session: Session, services: Sequence[str]) -> ExitCode:
    """Show the services (or all) and their dependencies; without an engine, from the model only."""
    model = session.model(services)
    model = model.narrowed(model.with_dependencies(services))
    try:
        states = service_documents(session, model)
    except TaskFailure as failure:
        if failure.code is not ExitCode.NO_ENGINE:
            raise
        session.reporter.note(f"without states: {failure.message}")
        states = []
    document = graph_document(model, states)
    session.reporter.result(document, mermaid(document).splitlines())
    return ExitCode.OK
