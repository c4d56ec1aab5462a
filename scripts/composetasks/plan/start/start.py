"""The plan of a start: what is in the way, the images, the containers, as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from composetasks.facts import Model, Plan, RemoveNetwork, Step, World
from composetasks.plan.conflicts.conflicts import Findings, after, conflicts
from composetasks.plan.conflicts.mounts import (
    folders_for_files,
    from_elsewhere,
    started,
    without_source,
)
from composetasks.plan.conflicts.volumes import without_device
from composetasks.plan.images.decisions import ImagePlan, plan_images
from composetasks.plan.images.no_build import without_builds
from composetasks.plan.start.faults import model_faults, with_present_images
from composetasks.plan.start.forwards import forward_steps
from composetasks.plan.start.health_lint import health_warnings
from composetasks.plan.start.services import closure, plan_services


@dataclass(frozen=True)
class StartOptions:
    """What a start was asked for beyond its services."""

    build: bool = True
    wait: bool = True
    force: bool = False
    pull: bool = False
    rerun: tuple[str, ...] = ()


def plan_start(world: World, names: Iterable[str], options: StartOptions) -> Plan:
    """What brings ``names`` (all active services where none is named) and what they depend on
    up, with what must go first."""
    services = closure(world.model, names)
    images: ImagePlan = plan_images(world, services, pull=options.pull, to_run=True)
    images = with_present_images(world, images)
    if not options.build:
        images = without_builds(world, images)
    in_the_way: Findings = conflicts(world, services, options.force, images.image_of)
    containers = plan_services(
        after(world, in_the_way.steps),
        [name for name in services if name not in world.model.faults],
        images.image_of,
        rerun=options.rerun,
        wait=options.wait,
    )
    steps = (
        *_linked([*images.steps, *in_the_way.steps], containers.steps),
        *forward_steps(world, services, containers.steps),
    )
    return finished(
        Plan(
            command="up",
            project=world.model.project,
            instance=world.model.instance,
            steps=steps,
            blockers=(
                *model_faults(world.model, services),
                *in_the_way.blockers,
                *images.blockers,
                *without_source(world, containers.steps),
                *without_device(world, started(containers.steps)),
            ),
            warnings=(
                *world.warnings,
                *in_the_way.warnings,
                *images.warnings,
                *folders_for_files(world, containers.steps),
                *from_elsewhere(world, containers.steps),
                *health_warnings(world, dict.fromkeys(step.service for step in containers.steps)),
            ),
        ),
        world.model,
    )


def _linked(before: Sequence[Step], containers: Sequence[Step]) -> tuple[Step, ...]:
    """Both parts, each container step needing what is done for its service and name first."""
    names = {step.target for step in containers}
    linked = []
    for step in containers:
        needs = [
            other.id
            for other in before
            if step.service in other.services
            or other.target == step.target
            or (isinstance(other.operation, RemoveNetwork) and other.target not in names)
        ]
        linked.append(replace(step, needs=tuple(dict.fromkeys([*needs, *step.needs]))))
    return (*before, *linked)


def finished(plan: Plan, model: Model) -> Plan:
    """``plan`` with ``unchanged`` filled: the active services no step speaks of."""
    touched = {name for step in plan.steps for name in (step.service, *step.services)}
    return replace(plan, unchanged=tuple(name for name in model.services if name not in touched))
