"""The plan of ``clean-orphans``: what would be in the way of a start, and leftovers of ours."""

from __future__ import annotations

from composetasks.facts import Plan, World
from composetasks.plan.conflicts.conflicts import leftovers
from composetasks.plan.images.tags import old_tags
from composetasks.plan.start.start import finished


def plan_clean(world: World, *, force: bool = False) -> Plan:
    """Remove both; ``force`` is consent to remove what is not ours and runs."""
    found = leftovers(world, force=force)
    return finished(
        world,
        "clean-orphans",
        (*found.steps, *old_tags(world)),
        blockers=found.blockers,
        warnings=(*world.warnings, *found.warnings),
    )
