"""Instances whose owner has ended: one step ends each, before all other steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from composetasks.facts import AbandonedInstance, EndInstance, Evidence, Plan, Step, World
from composetasks.facts.program import task


def with_ends(plan: Plan, world: World) -> Plan:
    """``plan`` with steps that end the abandoned instances of ``world`` first."""
    if not world.abandoned:
        return plan
    steps: dict[str, Step] = {}
    for instance in world.abandoned:
        target, number = instance.project, 1
        while target in steps:  # a name of which more than one owner left something
            number += 1
            target = f"{instance.project} ({number})"
        steps[target] = _step(instance, target)
    return replace(plan, steps=(*steps.values(), *plan.steps))


def warnings(world: World) -> Iterator[str]:
    """A warning for each abandoned instance, for tasks that do not end them."""
    for instance in world.abandoned:
        name = instance.instance
        yield f"instance {name} is abandoned: {reason(instance)}; {task('up')} ends it"


def reason(instance: AbandonedInstance) -> str:
    return f"process {instance.owner.partition(' ')[0]}, its owner, has ended"


def _step(instance: AbandonedInstance, target: str) -> Step:
    pieces = (
        *(Evidence(kind="container", name=one.name, old=one.state) for one in instance.containers),
        *(Evidence(kind="network", name=one.name) for one in instance.networks),
        *(Evidence(kind="volume", name=one.name) for one in instance.volumes),
        *((Evidence(kind="folder", path=instance.place),) if instance.place else ()),
    )
    return Step(
        operation=EndInstance(instance.instance, instance.owner, instance.place),
        target=target,
        reason=reason(instance),
        because=(Evidence(kind="owner", old=instance.owner, name=instance.instance), *pieces),
        destroys=tuple(
            [f"volume {one.name}" for one in instance.volumes]
            + ([f"folder {instance.place}"] if instance.place else [])
        ),
    )
