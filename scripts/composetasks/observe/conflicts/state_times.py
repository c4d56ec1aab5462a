"""Since when containers that may be in the way have been in their state.

The engine's list contains only the time of creation, so the few containers that a plan may have to
mention are inspected; a stack without conflicts has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from composetasks.facts import Container, Engine, Model
from composetasks.observe.engine.inventory import inspect_container

if TYPE_CHECKING:
    from docker import APIClient

MOMENTS = {"created": "Created", "exited": "FinishedAt", "dead": "FinishedAt"}
"""The field of an inspect record with the start of the state; StartedAt for running containers."""
NEVER = "0001-01-01T00:00:00Z"


def with_since(client: APIClient, engine: Engine, model: Model) -> Engine:
    """Return ``engine`` with ``since`` set for the containers that may be in ``model``'s way."""
    suspects = {container.id for container in _suspects(engine, model)}
    if not suspects:
        return engine
    containers = tuple(
        replace(container, since=_since(client, container))
        if container.id in suspects
        else container
        for container in engine.containers
    )
    return replace(engine, containers=containers)


def _suspects(engine: Engine, model: Model) -> Iterator[Container]:
    names = {name: s.name for s in model.services.values() for name in s.container_names}
    ports = {(number, protocol) for _, number, protocol in model.published()}
    networks = {resource.name for resource in model.networks.values() if not resource.external}
    for container in engine.containers:
        if container.project == model.project:
            expected = (
                names.get(container.name) == container.service
                and container.replica
                and container.working_dir in ("", str(model.directory))
            )
            if not expected:
                yield container
        elif (
            container.name in names
            or any((one.published, one.protocol) in ports for one in container.bindings)
            or not networks.isdisjoint(container.networks)
        ):
            yield container


def _since(client: APIClient, container: Container) -> str:
    record = inspect_container(client, container.id)
    state = record.get("State") or {}
    field = MOMENTS.get(container.state, "StartedAt")
    stamp = str((record if field == "Created" else state).get(field) or "")
    return f"{stamp[:19]}Z" if stamp and stamp != NEVER else ""
