"""Which containers are created, recreated, started or left alone, and why.

The rule is Compose's own (its convergence: configuration hash, image, networks, volumes, number of
replicas); ``differences.py`` computes in what a container differs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from composetasks.facts import (
    MADE_BY_PLAN,
    Container,
    ContainerStart,
    CreateContainer,
    Evidence,
    Model,
    Operation,
    RecreateContainer,
    RemoveContainer,
    RunProvider,
    Service,
    StartContainer,
    Step,
    StopContainer,
    Wait,
    World,
)
from composetasks.facts.frozen import frozen
from composetasks.facts.jobs import namespaces_of, shares_with
from composetasks.facts.plain_text import first_of
from composetasks.plan.conflicts import networks
from composetasks.plan.conflicts.container_names import interrupted
from composetasks.plan.conflicts.mounts import started
from composetasks.plan.conflicts.origin import ContainerState, container_state
from composetasks.plan.start import jobs
from composetasks.plan.start.differences import differences
from composetasks.plan.start.jobs import due, is_done

UNSEEN_BY_COMPOSE = ("network", "content", "provider")
"""The kinds of differences for which Compose itself does not recreate a container: it starts a
stopped container without the network, or fails to start it if the network is gone, and does not see
an edit of an inline config."""
CONTAINER_MADE = CreateContainer | RecreateContainer


def plan_services(
    world: World,
    services: Iterable[str],
    image_of: Mapping[str, str | None],
    *,
    rerun: Iterable[str] = (),
    wait: bool = True,
) -> tuple[Step, ...]:
    """The container steps that make ``services`` match the model.

    ``image_of`` gives the id of the image that each service should run, None if a step of the same
    plan makes it. ``rerun`` names jobs to run again although nothing changed; without ``wait``, a
    running service that is not ready yet needs no step.
    """
    names, again = tuple(services), frozenset(rerun)
    launched: frozenset[str] = frozenset()
    while True:
        steps = _steps(world, names, _Request(image_of, again, wait, launched))
        making = frozenset(started(steps))
        if making <= launched or not any(_jobs(world, names)):
            return steps
        # A started service may make a job due, and the start of that job another one.
        launched |= making


def needed_names(
    world: World, services: Iterable[str], image_of: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    """The names of the containers that have to be created for ``services``, each with the first
    service that needs it. A container that is left as it is needs no name, whatever it is called
    now. ``image_of`` gives the image that each service is to run, if it is not the current one."""
    starting = tuple(services)
    image_of = image_of or world.images_now(starting)
    staying = tuple(
        container
        for container in world.engine.containers
        if container_state(container) not in (ContainerState.DEAD, ContainerState.REMOVING)
    )
    names: dict[str, str] = {}
    for step in plan_services(world.with_containers(staying), starting, image_of):
        if isinstance(step.operation, CONTAINER_MADE):
            names.setdefault(step.target, step.service)
    for broken_off in interrupted(world, starting):
        names.setdefault(broken_off.name, broken_off.container.service)
    return names


def _jobs(world: World, services: Iterable[str]) -> Iterator[str]:
    """Yield the services with a container that completed its work."""
    for name in services:
        service = world.model.services[name]
        if any(is_done(world, service, one) for one in world.replicas(name)):
            yield name


def seeing_dependencies(world: World, steps: Iterable[Step]) -> Iterator[Step]:
    """Yield the steps of a start. Mark those that create or recreate a container if Compose, once
    the steps before are done, would leave everything that the service depends on alone."""
    steps = tuple(steps)
    recreated = {step.service for step in steps if isinstance(step.operation, CONTAINER_MADE)}
    as_it_is: dict[str, bool] = {}

    def stays(name: str) -> bool:
        if name not in recreated and name not in as_it_is:
            as_it_is[name] = _stays_as_it_is(world, name)
        return name in recreated or as_it_is[name]

    for step in steps:
        if isinstance(step.operation, CreateContainer | RecreateContainer):
            needed = world.model.with_dependencies([step.service])
            others = [one for one in needed if one != step.service]
            if others and _knows_all(world.model, needed) and all(map(stays, others)):
                step = replace(step, operation=replace(step.operation, sees_dependencies=True))
        yield step


def _knows_all(model: Model, names: Iterable[str]) -> bool:
    """Whether all dependencies are containers of the model. Compose also runs providers, and
    creates services that are in the same inactive profile as the requested service."""
    services = [model.services[name] for name in names]
    return not any(
        service.provided
        or service.name in model.faults
        or any(other.service not in model.services for other in service.depends_on)
        for service in services
    )


def _stays_as_it_is(world: World, name: str) -> bool:
    """Whether Compose would leave a service alone. It would not if the image is missing (one for
    another platform counts as missing), or if a container is paused, which it would start."""
    service = world.model.services[name]
    if world.engine.image(service.image) is None or service.config.get("platform"):
        return False
    left_alone = ("running", "created", "restarting", "exited")
    if any(one.state not in left_alone for one in world.replicas(name)):
        return False
    steps = _steps(world, [name], _Request(world.images_now([name]), (), False, ()))
    return not any(isinstance(step.operation, CONTAINER_MADE | RemoveContainer) for step in steps)


@frozen
class _Request:
    """The request for a plan of containers; ``launched`` are the services that the plan starts."""

    image_of: Mapping[str, str | None]
    rerun: Collection[str]
    wait: bool
    launched: Collection[str]


def _steps(world: World, services: Iterable[str], request: _Request) -> tuple[Step, ...]:
    steps: list[Step] = []
    touched: dict[str, list[str]] = {}
    moved: set[str] = set()
    launched = set(request.launched)
    for name in services:
        service = world.model.services[name]
        recreated = [one for one in shares_with(service) if one in moved]
        own = tuple(_service_steps(world, service, replace(request, launched=launched), recreated))
        if any(isinstance(step.operation, RecreateContainer) for step in own):
            moved.add(name)
        own += tuple(_restarts(world, service, moved, launched, own))
        if any(isinstance(step.operation, ContainerStart) for step in own):
            launched.add(name)
        if service.provided:
            own = (_run_provider(service),)
        needs = tuple(
            step_id
            for dependency in service.depends_on
            for step_id in touched.get(dependency.service, ())
        )
        own = tuple(replace(step, needs=needs + step.needs) for step in own)
        touched[name] = [step.id for step in own]
        steps += own
    return tuple(steps)


def _service_steps(
    world: World, service: Service, request: _Request, recreated: Collection[str]
) -> Iterator[Step]:
    changed: dict[str, tuple[Evidence, ...]] = {}
    again: dict[str, tuple[Evidence, ...]] = {}
    present = world.replicas(service.name)
    for container in present:
        because = (
            *differences(world, service, container, request.image_of),
            *(Evidence(kind="dependency", name=name) for name in recreated),
            *_provided(world, service),
        )
        if is_done(world, service, container):
            work = tuple(due(world, service, container, request.launched))
            because += tuple(one for one in work if one.kind == "content")
            again[container.id] = tuple(one for one in work if one.kind != "content")
            # It needs its networks only when it runs again.
            only_networks = all(evidence.kind == "network" for evidence in because)
            if only_networks and not work and service.name not in request.rerun:
                because = ()
        changed[container.id] = because
    # Compose keeps the unchanged ones with the lowest numbers (reconcile.go, sortContainers).
    present = tuple(sorted(present, key=lambda one: (bool(changed[one.id]), one.number)))
    for container in sorted(present[: service.replicas], key=lambda one: one.number):
        if because := changed[container.id]:
            name = _name(world, service, container.number)
            reason = _recreate_reason(because)
            kinds = {one.kind for one in because}
            recreate = RecreateContainer(
                forced=not kinds.isdisjoint(UNSEEN_BY_COMPOSE), changed=kinds != {"provider"}
            )
            yield _step(recreate, service, name, reason, because, container.id)
        elif container.id in again:
            rerun = service.name in request.rerun
            yield from _job_again(service, container, again[container.id], rerun)
        else:
            yield from _same(service, container, request.wait)
    last = max((one.number for one in present), default=0)
    missing = (Evidence(kind="no-container"),)
    for number in range(last + 1, last + 1 + service.replicas - len(present)):
        name = _name(world, service, number)
        yield _step(CreateContainer(), service, name, "does not exist yet", missing)
    for container in present[service.replicas :]:
        yield _step(
            RemoveContainer(),
            service,
            container.name,
            f"the model asks for {service.replicas} of it",
            (Evidence(kind="replicas", old=str(container.number), new=str(service.replicas)),),
            container.id,
        )


def _provided(world: World, service: Service) -> Iterator[Evidence]:
    """Yield the providers of a service: their output may differ each time they run, so Compose
    recreates the containers that depend on them at every start."""
    for name in world.model.providers_of(service.name):
        yield Evidence(kind="provider", name=name)


def _run_provider(service: Service) -> Step:
    because = (Evidence(kind="provider", name=service.provider),)
    reason = f"Compose runs its provider {service.provider} at every start"
    return _step(RunProvider(), service, service.name, reason, because)


def _name(world: World, service: Service, number: int) -> str:
    """The name that Compose gives to the container of this number, which may exceed the number of
    replicas if one with a lower number is gone."""
    fixed = service.config.get("container_name")
    if fixed:
        return str(fixed)
    if number <= service.replicas:
        return service.container_names[number - 1]
    return world.model.separator.join((world.model.project, service.name, str(number)))


def _step(
    operation: Operation,
    service: Service,
    target: str,
    reason: str,
    because: tuple[Evidence, ...],
    key: str = "",
) -> Step:
    return Step(
        operation=operation,
        target=target,
        reason=reason,
        service=service.name,
        because=because,
        key=key,
    )


def _job_again(
    service: Service, container: Container, work: tuple[Evidence, ...], rerun: bool
) -> Iterator[Step]:
    """Yield the step, if any, for a job that is done."""
    if not work and not rerun:
        return
    because = work or (Evidence(kind="state", old=container.state, new="running"),)
    why = jobs.reason(work) if work else "asked for with --rerun"
    yield _step(StartContainer(), service, container.name, why, because, container.id)


def _same(service: Service, container: Container, wait: bool) -> Iterator[Step]:
    """Yield the step, if any, for a container whose configuration has not changed."""
    evidence = (Evidence(kind="state", old=container.state, new="running"),)
    if container.state == "running":
        if wait and container.health in ("starting", "unhealthy"):
            because = (Evidence(kind="health", old=container.health, new="healthy"),)
            reason = f"running, but {container.health}"
            yield _step(Wait(), service, container.name, reason, because, container.id)
        return
    if container.state == "restarting":
        because = (Evidence(kind="state", old="restarting", new="running"),)
        yield _step(Wait(), service, container.name, "restarting", because, container.id)
        return
    reason = container.exited or f"not running ({container.state})"
    start = StartContainer(unpause=container.state == "paused")
    yield _step(start, service, container.name, reason, evidence, container.id)


def _restarts(
    world: World,
    service: Service,
    moved: Collection[str],
    launched: Collection[str],
    own: tuple[Step, ...],
) -> Iterator[Step]:
    """Yield the steps that restart running containers. Compose restarts one if a dependency with
    ``restart: true`` is recreated (reconcile.go, planStopDependents); this plan also does so if the
    container whose namespaces it shares was stopped."""
    planned = {step.key for step in own if not isinstance(step.operation, Wait)}
    for container in world.replicas(service.name):
        if container.state != "running" or container.id in planned:
            continue
        cause, reason = _restart_reason(world, service, container, moved, launched)
        if not cause:
            continue
        because = (Evidence(kind="dependency", name=cause),)
        stop = _step(StopContainer(), service, container.name, reason, because, container.id)
        yield stop
        start = _step(StartContainer(), service, container.name, reason, because, container.id)
        yield replace(start, needs=(stop.id,))


def _restart_reason(
    world: World,
    service: Service,
    container: Container,
    moved: Collection[str],
    launched: Collection[str],
) -> tuple[str, str]:
    """The service that causes the restart of a running container, and the reason; "" for none."""
    for dependency in service.depends_on:
        if dependency.restart and dependency.service in moved:
            return dependency.service, f"{dependency.service}, which it depends on, is recreated"
    for name in namespaces_of(service):
        if name in launched:
            return name, f"{name}, whose namespaces it shares, is started again"
        own = world.runs.get(container.id)
        others = [world.runs[c.id] for c in world.replicas(name) if c.id in world.runs]
        if own and others and others[0].started > own.started:
            return name, f"{name}, whose namespaces it shares, was started again"
    return "", ""


def _recreate_reason(because: tuple[Evidence, ...]) -> str:
    fields = [e.field.strip("()") for e in because if e.kind == "config" and e.field]
    parts = []
    if fields == ["unknown"]:
        parts.append("configuration changed")
    elif fields:
        parts.append(f"configuration changed ({first_of(fields, 3)})")
    parts += [
        {
            "image": "image changed",
            "mounted-image": f"mounted image {e.name} changed",
            "network": f"not connected to network {e.name}"
            if e.old == networks.NOT_ATTACHED
            else f"network {e.name} no longer exists"
            if e.new == MADE_BY_PLAN
            else f"network {e.name} changed",
            "volume": f"volume at {e.name} changed",
            "content": f"content of {e.name} changed",
            "dependency": f"shares namespaces or volumes with {e.name}, which "
            f"{e.detail or 'is recreated'}",
            "provider": f"gets its variables from the provider {e.name}",
        }[e.kind]
        for e in because
        if e.kind != "config" and not (e.kind == "image" and "image" in fields)
    ]
    return ", ".join(dict.fromkeys(parts)) or "configuration changed"
