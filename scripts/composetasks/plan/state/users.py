"""The containers that use some state: how they are stopped before it is changed, and started again
afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from composetasks.facts import (
    Consent,
    Container,
    Evidence,
    RecreateContainer,
    RemoveContainer,
    RunProvider,
    StartContainer,
    State,
    Step,
    StopContainer,
    World,
)
from composetasks.facts.frozen import frozen
from composetasks.plan.conflicts.origin import Origin, origin
from composetasks.plan.start.jobs import is_done
from composetasks.plan.start.services import plan_services
from composetasks.plan.start.stop import with_hooks

WORK_GONE = "its results were in the state that is replaced"
"""Why a job that is done has to run again."""
OURS = (Origin.OURS, Origin.ONE_OFF, Origin.NO_SERVICE, Origin.INACTIVE, Origin.OTHER_FILES)


@frozen
class Users:
    """The running containers that use some state: ``ours``, dependents first, each with the names
    that it uses (none if it only depends on a user); ``live``, which need no stop; and ``foreign``,
    which must not be touched."""

    ours: tuple[tuple[Container, tuple[str, ...]], ...]
    live: tuple[Container, ...]
    foreign: tuple[tuple[Container, tuple[str, ...]], ...]


def users_of(world: World, state: Sequence[State], live: Iterable[str] = ()) -> Users:
    """The running containers that use ``state``, and those that depend on them and would lose what
    they work with. Services in ``live`` may stay up."""
    may_stay = frozenset(live)
    uses: dict[str, tuple[str, ...]] = {}
    for part in state:
        for key in part.containers:
            uses[key] = (*uses.get(key, ()), part.name)
    running = [one for one in world.engine.containers if one.running]
    using = [one for one in running if one.id in uses]
    foreign = [one for one in using if origin(world, one) not in OURS]
    pausable = [one for one in using if one.service in may_stay and one.state == "running"]
    ours = {one.id: one for one in using if one not in foreign and one not in pausable}
    touched = {one.service for one in ours.values() if origin(world, one) is Origin.OURS}
    for name in _dependents(world, touched):
        ours |= {
            replica.id: replica
            for replica in world.replicas(name)
            if replica.running and origin(world, replica) is Origin.OURS
        }
    order = {name: place for place, name in enumerate(world.model.services)}
    return Users(
        ours=tuple(
            (user, uses.get(user.id, ()))
            for user in sorted(
                ours.values(), key=lambda one: (-order.get(one.service, len(order)), one.name)
            )
        ),
        live=tuple(one for one in pausable if one.id not in ours and one not in foreign),
        foreign=tuple((one, uses[one.id]) for one in foreign),
    )


def _dependents(world: World, names: set[str]) -> list[str]:
    """The services that depend on any of ``names``, directly or indirectly."""
    dependents: list[str] = []
    for name, service in world.model.services.items():
        needs = {dependency.service for dependency in service.depends_on}
        if name not in names and needs & {*names, *dependents}:
            dependents.append(name)
    return dependents


# --- stopping -------------------------------------------------------------------------------


def stops(world: World, users: Users) -> list[Step]:
    """The steps that stop the users of the state, dependents first."""
    steps: list[Step] = []
    ids: dict[str, list[str]] = {}
    for container, names in users.ours:
        needs = [
            step_id
            for name in _dependents(world, {container.service})
            for step_id in ids.get(name, ())
        ]
        back = origin(world, container) is Origin.OURS
        lost = _in_memory(world, container)
        reason = f"uses {', '.join(names)}" if names else _depends(world, container, users)
        step = Step(
            operation=StopContainer(),
            target=container.name,
            reason=reason if back else f"{reason}; not started again",
            service=container.service if container.service in world.model.services else "",
            because=(Evidence(kind="state", old=container.state, new="exited"),),
            needs=tuple(needs),
            destroys=lost,
            consent=Consent.NONE if back and not lost else Consent.YES,
            key=container.id,
        )
        ids.setdefault(container.service, []).append(step.id)
        steps.append(step)
    return with_hooks(world, steps)


def _in_memory(world: World, container: Container) -> tuple[str, ...]:
    """The data that is lost when a container stops: in-memory volumes that it mounts."""
    return tuple(
        f"data that {part.what} holds in memory"
        for part in world.unkept
        if part.in_memory and container.service in part.services
    )


def _depends(world: World, container: Container, users: Users) -> str:
    users_of_it = {one.service for one, names in users.ours if names}
    through = [
        name for name in world.model.with_dependencies([container.service]) if name in users_of_it
    ]
    return f"depends on {', '.join(through)}"


# --- starting again -------------------------------------------------------------------------


def starts(
    world: World, users: Users, done: tuple[str, ...], jobs: Sequence[str] = ()
) -> list[Step]:
    """The steps that start stopped containers again unchanged, even if the model has changed, with
    their dependencies; and, by the rules of a start, ``jobs`` whose work is gone."""
    stopped = {one.id: one for one, _ in users.ours if origin(world, one) is Origin.OURS}
    names = {one.service for one in stopped.values()}
    if not names:
        return []
    containers = tuple(
        replace(container, state="exited", exit_code=0, health="")
        if container.id in stopped
        else container
        for container in world.engine.containers
    )
    after = world.with_containers(containers)
    services = world.model.with_dependencies([*names, *jobs])
    started = plan_services(after, services, after.images_now(services), rerun=[*jobs, *names])
    steps = _as_they_were(world, started, stopped, jobs)
    return [
        replace(_with_reason(world, step, stopped, jobs), needs=(*step.needs, *done))
        for step in steps
        # The stopped containers return to their previous state, so no other job becomes due.
        if step.service in (*names, *jobs) or not _was_done(after, step)
    ]


def _as_they_were(
    world: World, steps: Iterable[Step], stopped: Mapping[str, Container], jobs: Sequence[str]
) -> list[Step]:
    """The steps of a start without those caused by edits of the model, which are left to `inv up`.
    The same containers start, and only missing ones of dependencies are created."""
    there = {one.id: one for one in world.engine.containers}
    users = {one.service for one in stopped.values()}
    remaining: list[Step] = []
    ids: dict[str, str] = {}
    for step in steps:
        was = there.get(step.key)
        if step.service in jobs:
            remaining.append(step)
        elif was is None and (step.service in users or isinstance(step.operation, RunProvider)):
            continue
        elif was is None or not (
            was.id in stopped or isinstance(step.operation, RecreateContainer)
        ):
            remaining.append(step)
        elif was.id in stopped or not was.running:
            again = StartContainer(as_it_was=True)
            remaining.append(
                replace(step, operation=again, target=was.name, reason=f"was {was.state}")
            )
            ids[step.id] = remaining[-1].id
    there_now = {step.id for step in remaining}
    return [
        replace(
            step,
            needs=tuple(
                needed for need in step.needs if (needed := ids.get(need, need)) in there_now
            ),
        )
        for step in remaining
    ]


def _was_done(world: World, step: Step) -> bool:
    """Whether a step starts a job that is done."""
    service = world.model.services[step.service]
    return any(
        container.id == step.key and is_done(world, service, container)
        for container in world.replicas(step.service)
    )


def _with_reason(
    world: World, step: Step, stopped: Mapping[str, Container], jobs: Sequence[str]
) -> Step:
    if step.key in stopped and isinstance(step.operation, StartContainer):
        ran = stopped[step.key].state
        because = (Evidence(kind="state", old="exited", new="running"),)
        reason = "was running before" if ran == "running" else f"was {ran} before"
        return replace(step, reason=reason, because=because)
    if step.service in jobs:
        return replace(step, reason=WORK_GONE)
    started = {one.service for one in stopped.values()}
    dependents = [name for name in _dependents(world, {step.service}) if name in started]
    if step.service not in started and dependents:
        return replace(step, reason=f"{step.reason}, and {dependents[0]} depends on it")
    return step


def finished_jobs(world: World, state: Sequence[State]) -> list[str]:
    """The jobs that others wait for, that are done, and whose work was in this state: they use it,
    or depend on a service that does."""
    users = {name for one in state for name in one.services}
    return [
        name
        for name in world.model.services
        if name in (*users, *_dependents(world, users))
        and world.model.awaits_end_of(name)
        and any(one.state == "exited" and one.exit_code == 0 for one in world.replicas(name))
    ]


def forgotten_jobs(world: World, jobs: Sequence[str], needs: tuple[str, ...]) -> list[Step]:
    """Remove the containers of such jobs if nothing is started again: the next start would consider
    them done."""
    return [
        Step(
            operation=RemoveContainer(),
            target=container.name,
            reason=f"{WORK_GONE}: the next start runs it again",
            service=name,
            because=(Evidence(kind="state", old=container.state, new="removed"),),
            needs=needs,
            key=container.id,
        )
        for name in jobs
        for container in world.replicas(name)
    ]
