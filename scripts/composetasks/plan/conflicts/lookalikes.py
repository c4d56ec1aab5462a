"""Strangers that Compose takes for containers of a service: made by hand of a commit of one, they
have all its labels. Compose would remove them, or the service's own in their place, whenever it
starts that service, so they are in the way of whatever does."""

from __future__ import annotations

from dataclasses import replace

from composetasks.facts import Plan, World
from composetasks.plan.conflicts.claims import Claim, Findings, Kind, gather
from composetasks.plan.conflicts.conflicts import treated
from composetasks.plan.conflicts.mounts import started


def without_lookalikes(plan: Plan, world: World, force: bool) -> Plan:
    """``plan`` with what stands in the way of the services that Compose starts in it."""
    launched = started(plan.steps)
    known = {step.key for step in plan.steps}
    refused = {blocker.target for blocker in plan.blockers}
    found = Findings()
    for one in gather(
        Claim(Kind.SERVICE, service, service, container)
        for container in world.engine.containers
        if (service := container.mistaken_for(plan.project)) in launched
        and container.id not in known
        and container.name not in refused
    ):
        found += treated(world, one, force)
    return replace(
        plan,
        steps=(*found.steps, *plan.steps),
        blockers=(*plan.blockers, *found.blockers),
    )
