"""How the services of a model stand."""

from __future__ import annotations

from composetasks.facts.engine import Container
from composetasks.facts.frozen import frozen
from composetasks.facts.model import Service


@frozen
class ServiceStatus:
    """How a service stands.

    ``shown`` is the replica that says most about it, None where there is none; ``since`` and
    ``restarts`` are that one's, "" and None where its record was not read. ``problem`` is why a
    start would not call it up, ``warnings`` are its health check's; ``stale`` says what of it is
    not what it should be. ``job`` is for one that ends, ``done`` for one that has; ``waits_for``
    are the services on their way that keep it from being started."""

    service: Service
    containers: tuple[Container, ...] = ()
    shown: Container | None = None
    since: str = ""
    restarts: int | None = 0
    problem: str = ""
    warnings: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    job: bool = False
    done: bool = False
    waits_for: tuple[str, ...] = ()
