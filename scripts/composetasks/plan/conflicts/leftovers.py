"""Our leftovers that cause no conflict: containers without a service, networks without a
container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from composetasks.facts import (
    Container,
    Evidence,
    RemoveContainer,
    RemoveNetwork,
    Step,
    World,
)
from composetasks.facts.plain_text import first_of
from composetasks.facts.program import task
from composetasks.facts.units import counted
from composetasks.plan.conflicts import container_summary, networks
from composetasks.plan.conflicts.claims import Findings, removal_step
from composetasks.plan.conflicts.origin import Origin, container_state, origin
from composetasks.plan.conflicts.policy import CONSENT, LEFT_OVER, Treatment

REASONS = {
    Origin.ONE_OFF: "a one-off that has exited; ",
    Origin.HELPER: "exited; Compose creates another when it needs one; ",
}
"""What precedes the description of a container whose maker alone is not the reason."""
NAMED = 5
"""How many leftovers a warning names."""


def left_containers(world: World, planned: Set[str]) -> Findings:
    """The removals of leftover containers, and warnings about those that are kept. Containers whose
    ids are in ``planned`` already have steps."""
    steps: list[Step] = []
    spared: list[Container] = []
    for container in world.engine.containers:
        maker = origin(world, container)
        treatment = LEFT_OVER[maker][container_state(container)]
        if container.id in planned:
            continue
        if treatment is Treatment.SPARE and maker is not Origin.ONE_OFF:
            spared.append(container)
        elif treatment in CONSENT:
            reason = f"{REASONS.get(maker, '')}{container_summary.removal(world, container)}"
            because = (Evidence(kind="left-over"),)
            steps.append(
                removal_step(world, container, reason, CONSENT[treatment], because=because)
            )
    return Findings(tuple(steps), warnings=tuple(_spared(world, spared)))


def running_one_offs(world: World, planned: Set[str]) -> Iterator[str]:
    """Yield a warning for each one-off that still runs, except those in ``planned``."""
    for container in world.engine.containers:
        if container.id not in planned and origin(world, container) is Origin.ONE_OFF:
            treatment = LEFT_OVER[Origin.ONE_OFF][container_state(container)]
            if treatment is Treatment.SPARE:
                yield f"container {container.name} is not removed: a one-off that is still running"


def _spared(world: World, spared: Iterable[Container]) -> Iterator[str]:
    for container in spared:
        why = (
            f"created {container_summary.made_by(world, container)}; "
            f"{container_summary.state(container)}"
        )
        yield f"container {container.name} is not removed: {why}"


def left_networks(
    world: World, removals: Iterable[Step], planned: Iterable[Step]
) -> tuple[Step, ...]:
    """The removals of this project's networks that have no containers after ``removals``, except
    those that ``planned`` steps act on."""
    leaving = {
        step.key: step.id for step in removals if isinstance(step.operation, RemoveContainer)
    }
    handled = {step.key for step in planned}
    steps = []
    for network in networks.unused(world, frozenset(leaving)):
        if network.id in handled:
            continue
        last = [leaving[one.id] for one in networks.on(world.engine, network)]
        steps.append(
            Step(
                operation=RemoveNetwork(),
                target=network.name,
                reason="not used by any container" + (" then" if last else ""),
                because=(Evidence(kind="left-over", name=network.name),),
                needs=tuple(last),
                key=network.id,
            )
        )
    return tuple(steps)


def one_line(steps: Iterable[Step]) -> Iterator[str]:
    """Yield one line that names the leftovers, nothing if there are none."""
    targets: dict[str, list[str]] = {}
    for step in steps:
        kind = "network" if isinstance(step.operation, RemoveNetwork) else "container"
        targets.setdefault(kind, []).append(step.target)
    parts = [
        f"{counted(len(some), kind)} ({first_of(some, NAMED)})" for kind, some in targets.items()
    ]
    if parts:
        yield (
            f"leftovers of this project: {' and '.join(parts)}; {task('clean-orphans')} removes "
            "them (--plan lists them all)"
        )
