"""The plan of a start, which combines conflicts, images and containers; and the plan of ``verify``,
the stack's own checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from composetasks.facts import (
    Blocker,
    BuildImage,
    Evidence,
    ExitCode,
    Plan,
    RemoveNetwork,
    RunCheck,
    StackCheck,
    Step,
    World,
)
from composetasks.facts.frozen import frozen
from composetasks.facts.program import task
from composetasks.plan.conflicts.claims import Findings
from composetasks.plan.conflicts.conflicts import after, conflicts
from composetasks.plan.conflicts.mounts import (
    folders_for_files,
    from_elsewhere,
    started,
    without_source,
)
from composetasks.plan.conflicts.volumes import without_device
from composetasks.plan.images.decisions import ImagePlan, plan_images
from composetasks.plan.start.faults import model_faults, with_present_images, without_active
from composetasks.plan.start.forwards import forward_steps
from composetasks.plan.start.health_lint import health_warnings
from composetasks.plan.start.sent import send_steps
from composetasks.plan.start.services import needed_names, plan_services, seeing_dependencies


@frozen
class StartOptions:
    """The options of a start."""

    build: bool = True
    wait: bool = True
    force: bool = False
    pull: bool = False
    rerun: tuple[str, ...] = ()


def plan_start(world: World, names: Iterable[str], options: StartOptions) -> Plan:
    """Bring up ``names`` (all active services if none is named) and their dependencies, after
    everything that has to be done before."""
    services = world.model.with_dependencies(names)
    images: ImagePlan = plan_images(world, services, pull=options.pull, to_run=True)
    images = with_present_images(world, images)
    if not options.build:
        images = without_builds(world, images)
    needed = needed_names(world, services, images.image_of)
    in_the_way: Findings = conflicts(world, services, needed, options.force)
    cleared = after(world, in_the_way.steps)
    containers = plan_services(
        cleared,
        [name for name in services if name not in world.model.faults],
        images.image_of,
        rerun=options.rerun,
        wait=options.wait,
    )
    sent = send_steps(world, services)
    before = [*images.steps, *in_the_way.steps, *sent]
    steps = (
        *_linked(before, tuple(seeing_dependencies(cleared, containers))),
        *forward_steps(world, services, containers),
    )
    return world.plan(
        "up",
        steps,
        blockers=(
            *without_active(world.model),
            *model_faults(world.model, services),
            *in_the_way.blockers,
            *images.blockers,
            *without_source(world, containers),
            *without_device(world, started(containers)),
        ),
        warnings=(
            *world.warnings,
            *in_the_way.warnings,
            *images.warnings,
            *folders_for_files(world, containers),
            *from_elsewhere(world, containers),
            *health_warnings(world, dict.fromkeys(step.service for step in containers)),
            *_not_run_again(options.rerun, containers),
        ),
    )


def _not_run_again(rerun: Iterable[str], containers: Iterable[Step]) -> Iterator[str]:
    """Yield a warning for each service of ``--rerun`` that nothing is done for."""
    starting = {step.service for step in containers}
    for name in dict.fromkeys(rerun):
        if name not in starting:
            yield (
                f"{name} is not a completed job, so --rerun does not run it again; "
                f"{task(f'restart {name}')} restarts what is running"
            )


def _linked(before: Sequence[Step], containers: Sequence[Step]) -> tuple[Step, ...]:
    """Both parts; each container step needs the steps that come first for its service and name."""
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


def plan_checks(world: World, checks: Iterable[StackCheck]) -> Plan:
    """Run ``checks``, one after another."""
    steps = (
        Step(
            operation=RunCheck(check.command),
            target=check.name,
            reason=f"declared in the settings; runs in {check.service}",
            service=check.service,
            because=(Evidence(kind="command", detail=" ".join(check.command)),),
        )
        for check in checks
    )
    return world.plan("verify", steps)


def without_builds(world: World, images: ImagePlan) -> ImagePlan:
    """``images`` without builds: a warning if an outdated image is used, a blocker if there is no
    image."""
    image_of = dict(images.image_of)
    blockers, warnings = list(images.blockers), list(images.warnings)
    for step in images.steps:
        if not isinstance(step.operation, BuildImage):
            continue
        present = world.engine.image(step.target)
        if present is None:
            blockers.append(
                Blocker(
                    kind="image",
                    target=step.target,
                    message=f"{step.service}: image {step.target} is not on this engine",
                    hint=f"run {task(f'build {step.service}')}, or omit --no-build",
                    code=ExitCode.INVALID,
                    service=step.service,
                )
            )
            continue
        warnings.append(f"{step.target} is used without a rebuild: {step.reason}")
        runs = [name for name in step.services if image_of.get(name, "") is None]
        image_of.update(dict.fromkeys(runs, present.id))
    steps = tuple(step for step in images.steps if not isinstance(step.operation, BuildImage))
    return replace(
        images,
        steps=steps,
        image_of=image_of,
        blockers=tuple(blockers),
        warnings=tuple(warnings),
    )
