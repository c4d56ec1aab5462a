"""The plan of a deployment, from the differences between the stack file and the last deployment to
the swarm, and between that deployment and the swarm's state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from composetasks.facts import (
    Blocker,
    Consent,
    Content,
    CreateService,
    Evidence,
    ExitCode,
    Plan,
    RemoveService,
    RunCheckJob,
    StackCheck,
    StackFile,
    Step,
    Swarm,
    SwarmService,
    UpdateService,
    World,
)
from composetasks.facts.deploy import WAITS_FOR
from composetasks.facts.plain_text import first_of
from composetasks.facts.program import task
from composetasks.facts.references import plain
from composetasks.plan.deploy.placement import without_a_node
from composetasks.plan.doctor.engine import NO_IPVS
from composetasks.plan.images.decisions import ImagePlan, plan_images
from composetasks.plan.start.differences import changed_fields


def plan_deploy(
    world: World,
    swarm: Swarm,
    wanted: StackFile,
    *,
    names: Collection[str] = (),
    contents: Sequence[Content] = (),
    checks: Iterable[StackCheck] = (),
    build: bool = True,
) -> Plan:
    """Bring the services ``names`` of ``swarm`` to what ``wanted`` says (all services, removing
    others, if none is named), then run ``checks``. ``contents`` are the configs and secrets that
    can be created. Images are built from the current model, never for an earlier stack file."""
    services = [name for name in wanted.services if name in names or not names]
    images = _images(world, services) if build else ImagePlan()
    steps = [*images.steps]
    if not names:
        steps += _removals(swarm, wanted.services, "no longer in the model")
    steps += _services(swarm, wanted, services, images.steps)
    if len(steps) > len(images.steps):
        steps += _checks(checks, wanted, steps)
    plan = world.plan(
        "deploy",
        steps,
        blockers=(
            *(one for one in wanted.blockers if one.service in services),
            *images.blockers,
            *without_a_node(swarm, wanted, services),
            *_missing(swarm, wanted, contents),
            *_in_use(world, swarm, wanted),
        ),
        warnings=(
            # Compose warns that some fields have an effect only on Swarm.
            *(one for one in world.warnings if "Swarm" not in one),
            *images.warnings,
            *wanted.warnings,
            *_fixed(swarm, wanted),
            *_unreachable(swarm, wanted, services),
        ),
    )
    return replace(plan, project=swarm.stack, instance=None)


def plan_removal(world: World, swarm: Swarm) -> Plan:
    """Remove the whole stack from a swarm; its volumes are kept."""
    steps = _removals(swarm, (), "the stack is removed; its volumes are kept")
    return replace(world.plan("deploy", steps), project=swarm.stack, instance=None)


# --- images ---------------------------------------------------------------------------------


def _images(world: World, services: Iterable[str]) -> ImagePlan:
    """Build and push what the registry lacks or, without a registry, build what is missing here."""
    shared = world.shared.images if world.shared else {}
    builders = world.model.builders()
    built = [name for name in services if plain(world.model.service(name).image) in builders]
    lacking = [
        name for name in built if builders[plain(world.model.service(name).image)] not in shared
    ]
    return plan_images(world, lacking, push=world.shared is not None)


# --- services -------------------------------------------------------------------------------


def _services(
    swarm: Swarm, wanted: StackFile, names: Sequence[str], images: Sequence[Step]
) -> Iterator[Step]:
    because = {name: tuple(_because(swarm, wanted, name)) for name in names}
    changing = [name for name in names if because[name] or name not in swarm.services]
    for name in changing:
        present = swarm.services.get(name)
        waits_for = [one for one in wanted.services[name].get(WAITS_FOR, ()) if one in changing]
        yield Step(
            operation=UpdateService() if present else CreateService(),
            target=f"{swarm.stack}_{name}",
            reason=_reason(because[name]) if present else "not in the swarm yet",
            service=name,
            because=because[name] if present else (Evidence(kind="no-service"),),
            needs=(
                *(step.id for step in images if name in step.services),
                *(_id(swarm, one) for one in waits_for),
            ),
            key=present.id if present else "",
        )


def _id(swarm: Swarm, name: str) -> str:
    action = UpdateService.action if name in swarm.services else CreateService.action
    return f"{action.value}:{swarm.stack}_{name}"


def _because(swarm: Swarm, wanted: StackFile, name: str) -> Iterator[Evidence]:
    """Yield why an existing service of a swarm is updated."""
    present, last = swarm.services.get(name), swarm.last
    if present is None:
        return
    if last is None or name not in last.specs or name not in last.file.services:
        yield Evidence(kind="no-record")
        return
    yield from changed_fields(
        _comparable(last.file.services[name]), _comparable(wanted.services[name])
    )
    yield from _drift(present, last.specs[name])


def _drift(present: SwarmService, recorded: str) -> Iterator[Evidence]:
    """Yield what someone, or Swarm itself, changed since the last deployment."""
    if present.digest == recorded:
        return
    if present.before != recorded:
        yield Evidence(kind="drift", name="spec", old=recorded[:12], new=present.digest[:12])
        return
    for changed_field in changed_fields(present.spec_before, present.spec):
        yield replace(changed_field, kind="drift")


def _reason(because: Sequence[Evidence]) -> str:
    kinds = {one.kind for one in because}
    if "no-record" in kinds:
        return "its last deployment is not recorded"
    fields = [one.field for one in because if one.kind == "config" and one.field]
    parts = [f"configuration changed ({first_of(fields, 3)})"] if fields else []
    if "drift" in kinds:
        parts.append("changed by other means since the last deployment")
    return ", ".join(parts)


def _comparable(section: Mapping[str, Any]) -> dict[str, Any]:
    """A service of a stack file whose lists of entries with a target are mappings, so that a
    difference names a single port, mount or config."""
    comparable = {}
    for key, value in section.items():
        if key == WAITS_FOR:
            continue
        if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
            by_target = {str(one.get("target")): one for one in value}
            comparable[key] = by_target if len(by_target) == len(value) else value
        else:
            comparable[key] = value
    return comparable


def _removals(swarm: Swarm, staying: Collection[str], reason: str) -> Iterator[Step]:
    for name, present in swarm.services.items():
        if name not in staying:
            yield Step(
                operation=RemoveService(),
                target=f"{swarm.stack}_{name}",
                reason=reason,
                service=name,
                because=(Evidence(kind="service", name=name),),
                consent=Consent.YES,
                key=present.id,
            )


def _checks(
    checks: Iterable[StackCheck], wanted: StackFile, steps: Sequence[Step]
) -> Iterator[Step]:
    for check in checks:
        if check.service in wanted.services:
            yield Step(
                operation=RunCheckJob(check.command),
                target=check.name,
                reason=f"declared in the settings; runs with the configuration of {check.service}",
                service=check.service,
                because=(Evidence(kind="command", detail=" ".join(check.command)),),
                needs=tuple(step.id for step in steps),
            )


# --- what blocks a deployment ---------------------------------------------------------------


def _unreachable(swarm: Swarm, wanted: StackFile, services: Sequence[str]) -> Iterator[str]:
    """Yield a warning if nothing would answer at the virtual addresses of services."""
    sections = {name: wanted.services[name].get("deploy") or {} for name in services}
    virtual = [name for name, one in sections.items() if one.get("endpoint_mode") != "dnsrr"]
    if swarm.unbalanced and virtual:
        yield f"{NO_IPVS}; set stack.deploy.endpoint: dnsrr ({', '.join(virtual)})"


def _missing(swarm: Swarm, wanted: StackFile, contents: Sequence[Content]) -> Iterator[Blocker]:
    """The external configs, secrets and networks that the swarm lacks."""
    own = {one.name for one in contents}
    there = {"configs": swarm.configs, "secrets": swarm.secrets, "networks": swarm.networks}
    for kind, names in there.items():
        for entry in (wanted.file.get(kind) or {}).values():
            name = str(entry.get("name"))
            if entry.get("external") and name not in names and name not in own:
                word = kind[:-1]
                how = "--driver overlay " if word == "network" else ""
                yield Blocker(
                    kind=word,
                    target=name,
                    message=f"the swarm has no {word} {name}",
                    hint=f"`docker {word} create {how}{name}` creates it",
                    code=ExitCode.INVALID,
                )


def _in_use(world: World, swarm: Swarm, wanted: StackFile) -> Iterator[Blocker]:
    """Running containers of the project on the same engine, which write to the same volumes."""
    if not swarm.local or swarm.stack != world.model.project:
        return
    for container in world.engine.containers:
        section = wanted.services.get(container.service, {})
        mounts = {volume.get("source") for volume in section.get("volumes", ())} - {None}
        if container.project == swarm.stack and container.running and mounts:
            yield Blocker(
                kind="container",
                target=container.name,
                message=f"container {container.name} is running here and uses the same "
                f"volumes as service {container.service} would",
                hint=f"run {task('down')} first, or give the stack another name in "
                "stack.deploy.name",
                code=ExitCode.CONFLICT,
                service=container.service,
            )


def _fixed(swarm: Swarm, wanted: StackFile) -> Iterator[str]:
    """Warnings: the definition of a network or volume changed, but Swarm keeps the old one."""
    before = swarm.last.file.file if swarm.last else {}
    for kind in ("networks", "volumes"):
        was, now = before.get(kind) or {}, wanted.file.get(kind) or {}
        for key in was:
            if key in now and was[key] != now[key]:
                yield f"{kind[:-1]} {key} changed, but Swarm does not update an existing one"
