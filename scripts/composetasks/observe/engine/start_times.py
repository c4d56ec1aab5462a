"""When containers were started: the engine's list does not say it, so those that a plan compares
are inspected, all at once. On most stacks there are none."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from composetasks.facts import Container, Engine, Model
from composetasks.facts.jobs import Ended, Run, namespaces_of, rests_on, sortable
from composetasks.observe.engine.inventory import inspect_containers

if TYPE_CHECKING:
    from docker import APIClient


def job_services(model: Model, engine: Engine, ended: Collection[str]) -> tuple[str, ...]:
    """The services that others wait for the end of, and those of which a container is known to
    have ended by itself."""
    known = {one.service for one in engine.containers if one.id in ended}
    return tuple(name for name in model.services if name in known or model.awaits_end_of(name))


def observe_runs(
    client: APIClient, model: Model, engine: Engine, ended: Mapping[str, Ended]
) -> dict[str, Run]:
    """The last runs of jobs that exited with code 0 and of what they rest on, and of what shares
    another container's namespaces, by container id."""
    by_service: dict[str, list[Container]] = {}
    for container in engine.containers:
        if container.project == model.project and container.replica:
            by_service.setdefault(container.service, []).append(container)
    wanted = sorted(set(_wanted(model, by_service, job_services(model, engine, ended))))
    records = inspect_containers(client, wanted)
    return {
        key: Run(*(sortable(str(state.get(when, ""))) for when in ("StartedAt", "FinishedAt")))
        for key, record in records.items()
        if (state := record.get("State"))
    }


def _wanted(
    model: Model, by_service: Mapping[str, list[Container]], jobs: Collection[str]
) -> Iterator[str]:
    for name, service in model.services.items():
        related: tuple[str, ...] = ()
        if name in jobs and any(one.exit_code == 0 for one in by_service.get(name, ())):
            related = rests_on(model, name)
        elif any(one.running for one in by_service.get(name, ())):
            related = namespaces_of(service)
        else:
            continue
        if related or name in jobs:
            for other in (name, *related):
                yield from (one.id for one in by_service.get(other, ()))
