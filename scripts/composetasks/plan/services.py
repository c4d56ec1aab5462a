"""Which containers are created, recreated, started or left alone, and why.

The rule is Compose's own (its convergence: configuration hash, image, networks, volumes, number
of replicas); what Compose never says, the reason, is found by comparing what a container was
made from with what the model says now, field by field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from composetasks.facts import (
    Action,
    Container,
    Evidence,
    Model,
    Service,
    Step,
    World,
)
from composetasks.plan import networks
from composetasks.plan.mounts import mounted_images

NOT_IN_HASH = ("build", "depends_on", "profiles", "pull_policy", "scale", "attach")
"""Fields that Compose leaves out of a service's configuration hash (compose/hash.go)."""


@dataclass(frozen=True)
class ServicePlan:
    """The container steps of a start."""

    steps: tuple[Step, ...]


def closure(model: Model, names: Iterable[str]) -> tuple[str, ...]:
    """The named services and everything they depend on, in the model's order; all of the
    model's where none is named."""
    wanted: set[str] = set()
    todo = list(names) or list(model.services)
    while todo:
        name = todo.pop()
        if name in wanted or name not in model.services:
            continue
        wanted.add(name)
        todo += [dependency.service for dependency in model.services[name].depends_on]
    return tuple(name for name in model.services if name in wanted)


def is_job(model: Model, service: Service) -> bool:
    """Whether it is done when it ends with 0: others wait for its completion, or it has no
    health check, no ports and no restart policy and has already ended by itself."""
    return model.awaits_end_of(service.name) or (
        not service.has_healthcheck
        and not service.ports
        and not service.config.get("expose")
        and service.restart in ("no", "")
    )


def containers_of(world: World, service: str) -> tuple[Container, ...]:
    """The containers of a service of this project, by number."""
    found = [
        container
        for container in world.engine.containers
        if container.project == world.model.project
        and container.service == service
        and container.replica
    ]
    return tuple(sorted(found, key=lambda container: (container.number, container.created)))


def images_now(world: World, services: Iterable[str]) -> Mapping[str, str | None]:
    """The image each service would run; what its container was made from where the tag is gone."""
    found: dict[str, str | None] = {}
    for name in services:
        image = world.engine.image(world.model.services[name].image)
        made = [
            one.labels.get("com.docker.compose.image") or one.image_id
            for one in containers_of(world, name)
        ]
        found[name] = image.id if image else made[0] if made else None
    return found


def plan_services(
    world: World,
    services: Iterable[str],
    image_of: Mapping[str, str | None],
    *,
    rerun: Iterable[str] = (),
    wait: bool = True,
) -> ServicePlan:
    """The container steps that bring ``services`` to what the model says.

    ``image_of`` gives the image id each service should run, None where a step of the same plan
    makes it. ``rerun`` names jobs to run again although nothing changed; without ``wait`` a
    running service that is not ready yet needs no step.
    """
    again = set(rerun)
    steps: list[Step] = []
    touched: dict[str, list[str]] = {}
    moved: set[str] = set()
    for name in services:
        service = world.model.services[name]
        recreated = [one for one in shares_with(service) if one in moved]
        made = tuple(_service_steps(world, service, image_of, again, wait, recreated))
        if any(step.action is Action.RECREATE_CONTAINER for step in made):
            moved.add(name)
        made += tuple(_restarts(world, service, moved, made))
        needs = tuple(
            step_id
            for dependency in service.depends_on
            for step_id in touched.get(dependency.service, ())
        )
        made = tuple(replace(step, needs=needs + step.needs) for step in made)
        touched[name] = [step.id for step in made]
        steps += made
    return ServicePlan(tuple(steps))


def _service_steps(
    world: World,
    service: Service,
    image_of: Mapping[str, str | None],
    rerun: set[str],
    wait: bool,
    recreated: Collection[str],
) -> Iterator[Step]:
    again = service.name in rerun
    changed: dict[str, tuple[Evidence, ...]] = {}
    present = containers_of(world, service.name)
    for container in present:
        because = (
            *_differences(world, service, container, image_of),
            *(Evidence(kind="dependency", name=name) for name in recreated),
        )
        # A job that is done needs its networks when it runs again, and not before.
        only_networks = all(evidence.kind == "network" for evidence in because)
        spared = only_networks and not again and _done(world, service, container)
        changed[container.id] = () if spared else because
    # Compose keeps the unchanged ones with the lowest numbers (reconcile.go, sortContainers).
    present = tuple(sorted(present, key=lambda one: (bool(changed[one.id]), one.number)))
    for container in sorted(present[: service.replicas], key=lambda one: one.number):
        if because := changed[container.id]:
            name = _name(world, service, container.number)
            reason = _recreate_reason(because)
            yield _step(Action.RECREATE_CONTAINER, service, name, reason, because, container.id)
        else:
            yield from _same(world, service, container, again, wait)
    last = max((one.number for one in present), default=0)
    missing = (Evidence(kind="no-container"),)
    for number in range(last + 1, last + 1 + service.replicas - len(present)):
        name = _name(world, service, number)
        yield _step(Action.CREATE_CONTAINER, service, name, "it does not exist yet", missing)
    for container in present[service.replicas :]:
        yield _step(
            Action.REMOVE_CONTAINER,
            service,
            container.name,
            f"the model asks for {service.replicas} of it",
            (Evidence(kind="replicas", old=str(container.number), new=str(service.replicas)),),
            container.id,
        )


def _name(world: World, service: Service, number: int) -> str:
    """What Compose calls the container of this number, which may lie above the replicas' count
    where one with a lower number is gone."""
    fixed = service.config.get("container_name")
    if fixed:
        return str(fixed)
    if number <= service.replicas:
        return service.container_names[number - 1]
    return world.model.separator.join((world.model.project, service.name, str(number)))


def _step(
    action: Action,
    service: Service,
    target: str,
    reason: str,
    because: tuple[Evidence, ...] = (),
    key: str = "",
) -> Step:
    return Step(
        action=action,
        target=target,
        reason=reason,
        service=service.name,
        services=(service.name,),
        because=because,
        key=key,
    )


def _done(world: World, service: Service, container: Container) -> bool:
    """Whether a container is that of a job which ended well."""
    ended = container.state == "exited" and container.exit_code == 0
    return ended and is_job(world.model, service)


def _same(
    world: World, service: Service, container: Container, rerun: bool, wait: bool
) -> Iterator[Step]:
    """The step, if any, of a container whose making has not changed."""
    evidence = (Evidence(kind="state", old=container.state, new="running"),)
    if container.state == "running":
        if wait and container.health in ("starting", "unhealthy"):
            because = (Evidence(kind="health", old=container.health, new="healthy"),)
            reason = f"it runs and is {container.health}"
            yield _step(Action.WAIT, service, container.name, reason, because, container.id)
        return
    if container.state == "restarting":
        because = (Evidence(kind="state", old="restarting", new="running"),)
        yield _step(Action.WAIT, service, container.name, "it is restarting", because, container.id)
        return
    done = _done(world, service, container)
    if done and not rerun:
        return
    reason = "it is to run again" if done else f"it is {container.state}"
    if container.state == "exited" and container.exit_code:
        reason = f"it exited with code {container.exit_code}"
    yield _step(Action.START_CONTAINER, service, container.name, reason, evidence, container.id)


def _restarts(
    world: World, service: Service, moved: Collection[str], own: tuple[Step, ...]
) -> Iterator[Step]:
    """Compose stops and starts a service again when one it depends on with ``restart: true`` is
    recreated (reconcile.go, planStopDependents)."""
    cause = next(
        (one.service for one in service.depends_on if one.restart and one.service in moved), ""
    )
    if not cause:
        return
    known = {step.key for step in own if step.action is not Action.WAIT}
    for container in containers_of(world, service.name):
        if container.state != "running" or container.id in known:
            continue
        because = (Evidence(kind="dependency", name=cause),)
        reason = f"{cause}, which it depends on, is recreated"
        stop = _step(Action.STOP_CONTAINER, service, container.name, reason, because, container.id)
        yield stop
        start = _step(
            Action.START_CONTAINER, service, container.name, reason, because, container.id
        )
        yield replace(start, needs=(stop.id,))


def shares_with(service: Service) -> tuple[str, ...]:
    """The services whose container this one's is bound to by id (its network, its processes or
    its volumes): where theirs is recreated, so is this one's (reconcile.go,
    parentNamespaceRecreated)."""
    config = service.config
    modes = [str(config.get(field) or "") for field in ("network_mode", "ipc", "pid")]
    named = [mode.removeprefix("service:") for mode in modes if mode.startswith("service:")]
    named += [
        str(one).split(":")[0]
        for one in config.get("volumes_from") or ()
        if not str(one).startswith("container:")
    ]
    return tuple(dict.fromkeys(named))


def _recreate_reason(because: tuple[Evidence, ...]) -> str:
    fields = [e.field for e in because if e.kind == "config" and e.field]
    parts = []
    if fields:
        shown = ", ".join(fields[:3]) + (f" and {len(fields) - 3} more" if len(fields) > 3 else "")
        parts.append(f"its configuration changed ({shown})")
    parts += [
        {
            "image": "its image changed",
            "mounted-image": f"the image {e.name} that it mounts changed",
            "network": f"it is not on its network {e.name}"
            if e.old == networks.NOT_ATTACHED
            else f"its network {e.name} changed",
            "volume": f"its volume at {e.name} changed",
            "content": f"its config {e.name} was edited",
            "dependency": f"it shares what {e.name} has, which is recreated",
        }[e.kind]
        for e in because
        if e.kind in ("image", "mounted-image", "network", "volume", "content", "dependency")
    ]
    return ", ".join(dict.fromkeys(parts)) or "its configuration changed"


# --- what differs ---------------------------------------------------------------------------


def _differences(
    world: World, service: Service, container: Container, image_of: Mapping[str, str | None]
) -> Iterator[Evidence]:
    image_id = image_of.get(service.name)
    if container.config_hash != service.config_hash:
        yield from _config_differences(world, service, container)
    made_of = container.labels.get("com.docker.compose.image") or container.image_id
    if image_id is None:
        yield Evidence(kind="image", old=_short(made_of), new="made by this plan")
    elif image_id != made_of:
        yield Evidence(kind="image", old=_short(made_of), new=_short(image_id))
    yield from mounted_images(world, service, container, image_of)
    if container.state in ("created", "running", "paused", "restarting", "exited"):
        for path in world.old_contents.get(container.id, ()):
            yield Evidence(kind="content", name=path)
        yield from networks.differences(world, service, container)
        yield from _volume_differences(world, service, container)


def _config_differences(world: World, service: Service, container: Container) -> Iterator[Evidence]:
    was = world.made_from.get(container.config_hash)
    if was is None:
        yield Evidence(
            kind="config",
            field="(unknown)",
            old=container.config_hash[:12],
            new=service.config_hash[:12],
            detail="what this container was made from is not on record",
        )
        return
    found = list(changed_fields(comparable(was), comparable(service.config)))
    yield from found
    if not found:
        yield Evidence(
            kind="config",
            field="(order or content)",
            old=container.config_hash[:12],
            new=service.config_hash[:12],
        )


def comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """A service's resolved configuration without what does not count for its hash."""
    return {key: value for key, value in config.items() if key not in NOT_IN_HASH}


def changed_fields(old: Any, new: Any, path: str = "") -> Iterator[Evidence]:
    """The leaves in which two resolved configurations differ, as ``environment.NAME`` paths."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            inner = f"{path}.{key}" if path else str(key)
            if key not in old:
                yield Evidence(kind="config", field=inner, old=None, new=_text(new[key]))
            elif key not in new:
                yield Evidence(kind="config", field=inner, old=_text(old[key]), new=None)
            else:
                yield from changed_fields(old[key], new[key], inner)
    elif old != new:
        yield Evidence(kind="config", field=path, old=_text(old), new=_text(new))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return "" if value is None else str(value)


def _volume_differences(world: World, service: Service, container: Container) -> Iterator[Evidence]:
    for mount in service.mounts:
        resource = world.model.volumes.get(mount.source) if mount.type == "volume" else None
        if resource is None:
            continue
        has = container.volumes.get(mount.target)
        if has != resource.name:
            yield Evidence(kind="volume", name=mount.target, old=has, new=resource.name)


def _short(identity: str) -> str:
    return identity.removeprefix("sha256:")[:12]
