"""The conflicts of a start, and what is done about them.

They follow from claims (a container has what a start needs) and from the policy's table
(plan/conflicts/policy.py): who made the container, and its state, decide how it is treated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from shlex import quote

from composetasks.facts import (
    Blocker,
    Consent,
    Container,
    Plan,
    RemoveContainer,
    RenameContainer,
    Step,
    World,
)
from composetasks.facts.program import task
from composetasks.plan.conflicts import (
    addresses,
    container_names,
    container_summary,
    external,
    instances,
    mounts,
    networks,
    ports,
    subnets,
    volumes,
)
from composetasks.plan.conflicts.claims import (
    Claim,
    ClaimKind,
    Findings,
    conflict,
    gather,
    removal_step,
)
from composetasks.plan.conflicts.leftovers import (
    left_containers,
    left_networks,
    one_line,
    running_one_offs,
)
from composetasks.plan.conflicts.origin import ContainerState, Origin, container_state, origin
from composetasks.plan.conflicts.treatment import rename_step, treated
from composetasks.plan.images.tags import old_tags


def conflicts(
    world: World,
    services: Iterable[str],
    names: Mapping[str, str],
    force: bool,
) -> Findings:
    """The conflicts of starting ``services``, and nothing else.

    ``names`` are the names of the containers that the start creates, each with its service.
    ``force`` is consent to remove running containers that are not ours; without it they block the
    plan. Leftovers that cause no conflict are named in one warning.
    """
    starting = tuple(services)
    findings = _in_the_way(world, starting, names, force)
    steps, blockers, warnings = networks.replacements(world, starting, force)
    in_subnets = subnets.overlaps(world, starting)
    steps += in_subnets.steps
    blockers += (
        *in_subnets.blockers,
        *addresses.blockers(world, starting),
        *external.missing(world, starting),
        *instances.blockers(world, starting),
    )
    findings += Findings(_after_leaving(world, findings.steps, steps), blockers, warnings)
    rest = left_containers(world, {step.key for step in findings.steps})
    own = {resource.name for resource in world.model.networks.values()}
    unused = [
        step for step in left_networks(world, rest.steps, findings.steps) if step.target not in own
    ]
    return findings + Findings(
        warnings=(
            *networks.foreign(world, starting),
            *volumes.namesakes(world, starting),
            *volumes.changed(world, starting),
            *external.without_plugin(world, starting),
            *instances.warnings(world, starting),
            *ports.warnings(world.model, starting),
            *addresses.warnings(world, starting),
            *rest.warnings,
            *one_line((*rest.steps, *unused)),
        )
    )


def leftovers(world: World, names: Mapping[str, str], force: bool = False) -> Findings:
    """What ``clean-orphans`` removes: the conflicts of starting all services, which creates the
    containers ``names``, and all our leftovers. A changed network is kept as long as one of our
    containers runs on it."""
    starting = tuple(world.model.services)
    findings = _in_the_way(world, starting, names, force)
    planned = {step.key for step in findings.steps}
    findings += left_containers(world, planned)
    findings += Findings(warnings=tuple(running_one_offs(world, planned)))
    return findings + Findings(left_networks(world, findings.steps, findings.steps))


def plan_clean(world: World, names: Mapping[str, str], *, force: bool) -> Plan:
    """The plan of ``clean-orphans``: :func:`leftovers`, and image tags of outdated builds."""
    findings = leftovers(world, names, force)
    return world.plan(
        "clean-orphans",
        (*findings.steps, *old_tags(world)),
        blockers=findings.blockers,
        warnings=(*world.warnings, *findings.warnings),
    )


def without_lookalikes(plan: Plan, world: World, force: bool) -> Plan:
    """``plan`` with steps or blockers for foreign containers that Compose would take for containers
    of a service that it starts: they were made by hand from a commit of such a container, and have
    all its labels. Compose would remove them, or the service's own containers in their place."""
    launched = mounts.started(plan.steps)
    planned = {step.key for step in plan.steps}
    refused = {blocker.target for blocker in plan.blockers}
    findings = Findings()
    for holder in gather(
        Claim(ClaimKind.SERVICE, service, service, container)
        for container in world.engine.containers
        if (service := container.mistaken_for(plan.project)) in launched
        and container.id not in planned
        and container.name not in refused
    ):
        findings += treated(world, holder, force)
    return replace(
        plan,
        steps=(*findings.steps, *plan.steps),
        blockers=(*plan.blockers, *findings.blockers),
    )


def after(world: World, steps: Iterable[Step]) -> World:
    """``world`` as it will be after ``steps``."""
    gone, renamed = set(), {}
    for step in steps:
        if isinstance(step.operation, RemoveContainer):
            gone.add(step.key)
        elif isinstance(step.operation, RenameContainer):
            renamed[step.key] = step.operation.new
    containers = tuple(
        replace(container, name=renamed[container.id]) if container.id in renamed else container
        for container in world.engine.containers
        if container.id not in gone
    )
    return world.with_containers(containers) if gone or renamed else world


def _in_the_way(
    world: World, starting: tuple[str, ...], names: Mapping[str, str], force: bool
) -> Findings:
    model = world.model
    elsewhere = _other_checkouts(world)
    claimed = gather(
        claim
        for claim in (
            *container_names.claims(world, names),
            *ports.claims(world, starting),
            *addresses.claims(world, starting),
            *networks.claims(world, starting),
        )
        if origin(world, claim.container) is not Origin.OTHER_CHECKOUT
        or container_state(claim.container) is ContainerState.REMOVING
    )
    findings = Findings(
        blockers=(
            *container_names.ours_against_ours(model, starting),
            *ports.ours_against_ours(model, starting),
            *elsewhere,
        )
    )
    for holder in claimed:
        findings += treated(world, holder, force)
    findings += Findings(_broken(world, starting, findings.steps))
    findings += Findings(_interrupted(world, starting, findings.steps))
    return findings + Findings(blockers=tuple(ports.blockers(world, starting)))


def _other_checkouts(world: World) -> tuple[Blocker, ...]:
    by_folder: dict[str, list[Container]] = {}
    for container in world.engine.containers:
        if (
            origin(world, container) is Origin.OTHER_CHECKOUT
            and container_state(container) is not ContainerState.REMOVING
        ):
            by_folder.setdefault(container.working_dir, []).append(container)
    project = world.model.project
    own = instances.free_name(world) if by_folder else ""
    whose = f", of {container_summary.person(world)}" if world.maker else ""
    return tuple(
        conflict(
            "checkout",
            folder,
            f"another checkout of project {project}, in {folder}{whose}, has containers: "
            + ", ".join(f"{one.name} ({container_summary.state(one)})" for one in there),
            f"{task(f'up --instance {own}')} starts this one as a separate instance beside it; or "
            + (
                f"have its owner stop it ({task('down')} there)"
                if world.maker
                else "stop the other one first: `docker compose --project-directory "
                f"{quote(folder)} down`"
            ),
            because=tuple(
                piece
                for container in there
                for piece in container_summary.evidence(world, container)
            ),
        )
        for folder, there in sorted(by_folder.items())
    )


# --- our own containers, damaged ------------------------------------------------------------


def _broken(world: World, starting: tuple[str, ...], before: tuple[Step, ...]) -> tuple[Step, ...]:
    """Removals of our containers that can't be started again: dead, or already being removed."""
    planned = {step.key for step in before}
    return tuple(
        removal_step(
            world,
            container,
            "dead; can't be started again"
            if container.state == "dead"
            else "already being removed; waits until it is gone",
            Consent.NONE,
            services=(container.service,),
        )
        for container in world.engine.containers
        if container.state in ("dead", "removing")
        and container.service in starting
        and container.id not in planned
        and origin(world, container) is Origin.OURS
    )


def _interrupted(
    world: World, starting: tuple[str, ...], before: tuple[Step, ...]
) -> tuple[Step, ...]:
    """Repairs of interrupted recreations."""
    planned = {step.key for step in before}
    holders = {container.name: container.id for container in world.engine.containers}
    cleared = {step.key: step.id for step in before}
    steps: list[Step] = []
    for recreation in container_names.interrupted(world, starting):
        new, old = recreation.container, recreation.original
        if new.id in planned:
            continue
        service = (new.service,)
        reason = "its recreation was interrupted before it got its name"
        rename = rename_step(new, recreation.name, reason, service)
        if old is None or old.id in planned:
            holder = holders.get(recreation.name)
            if holder is not None and holder not in cleared:
                continue  # Another container has the name and keeps it: the plan is blocked.
            needs = (cleared[holder],) if holder is not None else ()
            steps.append(replace(rename, needs=needs))
        elif new.running and not old.running:
            removal = removal_step(
                world,
                old,
                f"{new.name} has replaced it and is running",
                Consent.NONE,
                services=service,
            )
            steps += [removal, replace(rename, needs=(removal.id,))]
        else:
            reason = f"its recreation was interrupted before it could replace {old.name}"
            consent = Consent.YES if new.running else Consent.NONE
            steps.append(removal_step(world, new, reason, consent, services=service))
    return tuple(steps)


def _after_leaving(
    world: World, before: tuple[Step, ...], removals: tuple[Step, ...]
) -> tuple[Step, ...]:
    """Network removals, each after the removals of the containers on the network."""
    by_id = {container.id: container for container in world.engine.containers}
    linked = []
    for removal in removals:
        needs = [
            step.id
            for step in before
            if step.key in by_id and removal.key in by_id[step.key].networks.values()
        ]
        linked.append(replace(removal, needs=tuple(needs)))
    return tuple(linked)
