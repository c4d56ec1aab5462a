"""Instances whose owner has ended: each is ended by one step, before anything else is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from composetasks.facts import EndInstance, Evidence, Orphan, Plan, Step, World
from composetasks.facts.program import typed


def with_ends(plan: Plan, world: World) -> Plan:
    """``plan`` with the orphans of ``world`` ended first."""
    if not world.orphans:
        return plan
    steps: dict[str, Step] = {}
    for orphan in world.orphans:
        target, number = orphan.project, 1
        while target in steps:  # a name that more than one owner left something of
            number += 1
            target = f"{orphan.project} ({number})"
        steps[target] = _step(orphan, target)
    return replace(plan, steps=(*steps.values(), *plan.steps))


def warnings(world: World) -> Iterator[str]:
    """A line for each orphan, where nothing is going to be done about it."""
    for orphan in world.orphans:
        yield f"instance {orphan.instance} is left over: {reason(orphan)}; {typed('up')} ends it"


def reason(orphan: Orphan) -> str:
    return f"process {orphan.owner.partition(' ')[0]}, which it lived for, has ended"


def _step(orphan: Orphan, target: str) -> Step:
    pieces = (
        *(Evidence(kind="container", name=one.name, old=one.state) for one in orphan.containers),
        *(Evidence(kind="network", name=one.name) for one in orphan.networks),
        *(Evidence(kind="volume", name=one.name) for one in orphan.volumes),
        *((Evidence(kind="folder", path=orphan.place),) if orphan.place else ()),
    )
    return Step(
        operation=EndInstance(orphan.instance, orphan.owner, orphan.place),
        target=target,
        reason=reason(orphan),
        because=(Evidence(kind="owner", old=orphan.owner, name=orphan.instance), *pieces),
        destroys=tuple(
            [f"volume {one.name}" for one in orphan.volumes]
            + ([f"folder {orphan.place}"] if orphan.place else [])
        ),
    )
