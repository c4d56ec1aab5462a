"""The plan of ``down``: it removes this project's containers and networks, never its state. Also
decides which containers Compose itself has to stop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from composetasks.facts import (
    Container,
    EndForwards,
    Evidence,
    Model,
    Network,
    Plan,
    RemoveContainer,
    RemoveNetwork,
    Step,
    StopContainer,
    StopProvider,
    World,
)
from composetasks.plan.conflicts.container_summary import made_by
from composetasks.plan.conflicts.origin import Origin, origin

SPARED = (Origin.OTHER_CHECKOUT, Origin.OTHER_FILES)


def plan_stop(world: World) -> Plan:
    """Remove what this checkout's project has on the engine, dependents first.

    This includes one-offs, kept hooks and containers of services that the model no longer has.
    Foreign containers, containers that another checkout or other Compose files of the project made,
    and networks that are still in use are kept.
    """
    ours, spared = _containers(world)
    steps = with_hooks(world, _removals(world.model, ours))
    steps += _provider_stops(world.model, tuple(step.id for step in steps))
    steps += _forwards(world)
    staying = [one for one in world.engine.containers if one not in ours]
    steps += _networks(world, staying, tuple(step.id for step in steps))
    warnings = (*world.warnings, *_stays(world, staying, spared))
    return world.plan("down", steps, warnings=warnings)


def _forwards(world: World) -> list[Step]:
    if not world.forwards or not world.forwards.local:
        return []
    step = Step(
        operation=EndForwards(),
        target=world.model.project,
        reason="nothing is left to forward ports to",
        because=(Evidence(kind="forward", name=world.forwards.engine),),
    )
    return [step]


def _containers(world: World) -> tuple[list[Container], list[Container]]:
    """The project's containers to remove, dependents first, and those to keep."""
    ours: list[Container] = []
    spared: list[Container] = []
    for container in world.engine.containers:
        if container.project == world.model.project:
            (spared if origin(world, container) in SPARED else ours).append(container)
    order = {name: place for place, name in enumerate(world.model.services)}
    ours.sort(key=lambda one: (-order.get(one.service, -1), one.name))
    return ours, spared


def _removals(model: Model, ours: list[Container]) -> list[Step]:
    """A step for each container, after the steps of the services that depend on its service."""
    steps: list[Step] = []
    by_service: dict[str, list[str]] = {}
    for container in ours:
        dependents = [
            step_id
            for name, service in model.services.items()
            if any(dependency.service == container.service for dependency in service.depends_on)
            for step_id in by_service.get(name, ())
        ]
        declared = container.service in model.services
        step = Step(
            operation=RemoveContainer(),
            target=container.name,
            reason=f"{container.state}; its volumes are kept",
            service=container.service if declared else "",
            because=(Evidence(kind="state", old=container.state, new="removed"),),
            needs=tuple(dependents),
            key=container.id,
        )
        by_service.setdefault(container.service, []).append(step.id)
        steps.append(step)
    return steps


def _provider_stops(model: Model, needs: tuple[str, ...]) -> list[Step]:
    return [
        Step(
            operation=StopProvider(),
            target=name,
            reason="Compose has its provider remove what it created",
            service=name,
            because=(Evidence(kind="provider", name=service.provider),),
            needs=needs,
        )
        for name, service in reversed(list(model.services.items()))
        if service.provided
    ]


def _stays(world: World, staying: list[Container], spared: list[Container]) -> Iterator[str]:
    """Yield warnings about what is kept of this project, and why."""
    for container in spared:
        yield f"container {container.name} is kept: created {made_by(world, container)}"
    for network in _own_networks(world):
        for container in staying:
            if network.name in container.networks and container not in spared:
                yield (
                    f"network {network.name} is kept: container {container.name} is on it, "
                    f"created {made_by(world, container)}"
                )


def _own_networks(world: World) -> list[Network]:
    return [one for one in world.engine.networks if one.project == world.model.project]


def _networks(world: World, staying: list[Container], needs: tuple[str, ...]) -> list[Step]:
    in_use = {name for one in staying for name in one.networks}
    return [
        Step(
            operation=RemoveNetwork(),
            target=network.name,
            reason="belongs to this project; no container will be on it",
            because=(Evidence(kind="network", name=network.name, detail="of this project"),),
            needs=needs,
            key=network.id,
        )
        for network in _own_networks(world)
        if network.name not in in_use
    ]


_Ending = RemoveContainer | StopContainer


def with_hooks(world: World, steps: Iterable[Step]) -> list[Step]:
    """``steps``, with those marked that Compose has to do because its ``stop`` runs ``pre_stop``
    hooks; the engine does the others. Compose stops services, not single containers: if one
    container of a service is to stay, the engine stops the others."""
    steps = list(steps)
    ended = {step.key for step in steps if isinstance(step.operation, _Ending)}
    project = world.model.project
    hooked: dict[str, set[str]] = {
        name: set()
        for name, service in world.model.services.items()
        if service.config.get("pre_stop")
    }
    for container in world.engine.containers:
        of = (
            container.service
            if container.replica and container.project == project
            else container.mistaken_for(project)
        )
        if container.running and of in hooked:
            hooked[of].add(container.id)
    whole = {key for keys in hooked.values() if keys <= ended for key in keys}
    return [
        replace(step, operation=replace(step.operation, by_compose=step.key in whole))
        if isinstance(step.operation, _Ending)
        else step
        for step in steps
    ]
