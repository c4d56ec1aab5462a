"""``open``: prints a service's URL and opens it in a browser."""

from __future__ import annotations

from composetasks.facts import Container, Engine, ExitCode, Model, World
from composetasks.facts.program import task
from composetasks.report.service_documents import guessed_urls, open_document, urls
from composetasks.run.failure import TaskFailure
from composetasks.run.process import stdout_kept
from composetasks.verbs.session import Session


def open_in_browser(session: Session, name: str) -> ExitCode:
    """Open the URL of a service, or of the only one that has a URL. The model declares the
    protocols of ports (``app_protocol``); if it declares none, the first published port is used.

    Raises TaskFailure: code 2 if several services are possible, 1 if none can be opened.
    """
    import webbrowser

    model = session.model([name] if name else ())
    world = World(model, Engine(containers=session.engine.containers(model)))
    running = {
        service_name: tuple(c for c in world.replicas(service_name) if c.state == "running")
        for service_name in model.services
    }
    service, url = _chosen(model, name, running)
    with stdout_kept():
        opened = webbrowser.open(url)
    session.reporter.result(open_document(service, url, opened=opened), [url])
    if not opened:
        session.reporter.note("no browser could be started here (BROWSER names one)")
    return ExitCode.OK


def _chosen(model: Model, name: str, running: dict[str, tuple[Container, ...]]) -> tuple[str, str]:
    """The selected service and its URL."""
    names = [name] if name else list(running)
    declared = {one: urls(model.services[one], running[one]) for one in names}
    guessed = {one: guessed_urls(running[one]) for one in names}
    candidates = [(one, those[0]) for one, those in declared.items() if those]
    candidates = candidates or [(one, those[0]) for one, those in guessed.items() if those]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise TaskFailure(
            f"which service? {len(candidates)} have a URL",
            code=ExitCode.USAGE,
            detail="\n".join(f"{service}: {url}" for service, url in candidates),
            hint=f"for example {task(f'open {candidates[0][0]}')}",
        )
    if name and running[name]:
        raise TaskFailure(
            f"service {name} publishes no TCP port",
            hint="add `ports` to it in the compose file, with `app_protocol: http`",
        )
    raise TaskFailure(
        f"service {name} is not running" if name else "no running service publishes a TCP port",
        hint=f"{task(f'up {name}')} starts it"
        if name
        else f"{task('up')} starts them, {task('status')} shows them",
    )
