"""``graph``: the services' dependencies, with health and ports, as Mermaid or as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from composetasks.facts import ExitCode
from composetasks.report.graph import graph_document, mermaid
from composetasks.run.failure import TaskFailure
from composetasks.verbs.picture import write_picture
from composetasks.verbs.services import service_documents
from composetasks.verbs.session import Session


def graph(
    session: Session, services: Sequence[str], svg: str = "", *, as_mermaid: bool = False
) -> ExitCode:
    """Show the services (or all) and their dependencies; without an engine, from the model only.
    The picture is written to the file ``svg``; without one, or ``as_mermaid``, Mermaid is printed.
    """
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
    if svg:
        from composetasks.report.graph_svg import picture

        write_picture(Path(svg), picture(document))
    lines = [] if svg and not as_mermaid else mermaid(document).splitlines()
    session.reporter.result(document, lines)
    if svg:
        session.reporter.note(f"written to {svg}")
    return ExitCode.OK
