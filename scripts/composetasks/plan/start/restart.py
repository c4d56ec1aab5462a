"""The plan of ``restart``: which containers are stopped and started again without changes.

The rule is Compose's own (``docker compose restart``): all containers of the named services,
running or not, including ended jobs, and of the services that depend on them with ``restart:
true``, which sharing a network namespace and links imply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from composetasks.facts import (
    Blocker,
    Container,
    Evidence,
    ExitCode,
    Plan,
    RecreateContainer,
    RestartContainer,
    Service,
    Step,
    World,
)
from composetasks.facts.jobs import namespaces_of
from composetasks.facts.program import task
from composetasks.plan.conflicts.container_summary import made_by
from composetasks.plan.conflicts.origin import Origin, origin
from composetasks.plan.start.forwards import forward_steps
from composetasks.plan.start.services import plan_services


def plan_restart(world: World, names: Iterable[str]) -> Plan:
    """Restart the containers of ``names`` (of all services if none is named) and of the services
    that have to be restarted with them, each after those of its dependencies that are restarted."""
    named = tuple(dict.fromkeys(names))
    causes = with_dependents(world, named)
    ours = {name: _ours(world, name) for name in causes}
    steps: list[Step] = []
    ids: dict[str, list[str]] = {}
    for name, cause in causes.items():
        service = world.model.services[name]
        needs = [step_id for other in service.depends_on for step_id in ids.get(other.service, ())]
        for container in ours[name]:
            step = _step(world, service, container, cause)
            steps.append(replace(step, needs=tuple(needs)))
            ids.setdefault(name, []).append(step.id)
    return world.plan(
        "restart",
        (*steps, *forward_steps(world, causes, steps)),
        blockers=_blockers(world, [name for name in named if not ours[name]], steps),
        warnings=(
            *world.warnings,
            *_spared(world, [name for name in causes if not ours[name]]),
            *_changed(world, [name for name in causes if ours[name]]),
        ),
    )


def restarted_alone(world: World, plan: Plan) -> World:
    """``world`` for a restart: services depend only on services that are restarted with them.
    Compose then does not wait for others, which may be down, missing, or jobs."""
    return alone(world, {step.service for step in plan.steps})


def alone(world: World, names: Collection[str]) -> World:
    """``world`` in which services depend only on ``names``."""
    services = {
        name: replace(
            service,
            depends_on=tuple(one for one in service.depends_on if one.service in names),
        )
        for name, service in world.model.services.items()
    }
    return replace(world, model=replace(world.model, services=services))


def with_dependents(world: World, named: tuple[str, ...]) -> Mapping[str, str]:
    """The services that are restarted, in the model's order, each with the service whose restart
    causes its own; "" for those that were asked for."""
    causes: dict[str, str] = {}
    for name, service in world.model.services.items():
        if not named or name in named:
            causes[name] = ""
            continue
        bound = [one.service for one in service.depends_on if one.restart]
        cause = next((one for one in (*bound, *namespaces_of(service)) if one in causes), None)
        if cause is not None:
            causes[name] = cause
    return causes


def _ours(world: World, name: str) -> tuple[Container, ...]:
    """The containers of a service; none if another checkout of the project made one of them."""
    ours = world.replicas(name)
    others = [one for one in ours if origin(world, one) is Origin.OTHER_CHECKOUT]
    return () if others else ours


def _step(world: World, service: Service, container: Container, cause: str) -> Step:
    shares = cause in namespaces_of(service)
    relation = "whose namespaces it shares" if shares else "which it depends on"
    return Step(
        operation=RestartContainer(by_compose=_by_compose(world, service)),
        target=container.name,
        reason=f"{cause}, {relation}, is restarted"
        if cause
        else container.exited or container.state,
        service=service.name,
        because=(
            Evidence(kind="dependency", name=cause)
            if cause
            else Evidence(kind="state", old=container.state, new="running"),
        ),
        key=container.id,
    )


def _by_compose(world: World, service: Service) -> bool:
    """Whether Compose can restart the service. It takes foreign containers for the service's by
    their labels, and fails to run the ``pre_stop`` hooks of containers that are already stopped."""
    project = world.model.project
    if any(one.mistaken_for(project) == service.name for one in world.engine.containers):
        return False
    hooked = bool(service.config.get("pre_stop"))
    return not hooked or any(one.running for one in world.replicas(service.name))


def _blockers(world: World, missing: list[str], steps: list[Step]) -> tuple[Blocker, ...]:
    """Blockers: a requested service has no container, or the whole project has none."""
    blockers = [
        Blocker(
            kind="no-container",
            target=name,
            service=name,
            message=f"service {name} has no container to restart",
            hint=f"{task(f'up {name}')} creates it"
            if world.model.services[name].replicas or world.model.services[name].provided
            else f"the model scales {name} to 0",
            code=ExitCode.INVALID,
        )
        for name in missing
    ]
    if not steps and not blockers:
        project = world.model.project
        blocker = Blocker(
            kind="no-container",
            target=project,
            message=f"{project} has no containers to restart",
            hint=f"{task('up')} creates them",
            code=ExitCode.INVALID,
        )
        blockers.append(blocker)
    return tuple(blockers)


def _spared(world: World, names: list[str]) -> list[str]:
    return [
        f"container {replica.name} is not restarted: created {made_by(world, replica)}"
        for name in names
        for replica in world.replicas(name)
    ]


def _changed(world: World, names: list[str]) -> list[str]:
    """Warnings: the model or an image has changed since a container was created."""
    steps = plan_services(world, names, world.images_now(names))
    changed = {
        step.service: step.reason
        for step in steps
        if isinstance(step.operation, RecreateContainer) and step.operation.changed
    }
    return [
        f"{name} is restarted unchanged; {task(f'up {name}')} recreates it: {reason}"
        for name, reason in changed.items()
    ]
