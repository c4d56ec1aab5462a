"""The plan of ``build``: image steps and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from composetasks.facts import Plan, World
from composetasks.plan.images.decisions import plan_images
from composetasks.plan.start.start import finished


def plan_build(
    world: World,
    services: Sequence[str],
    *,
    no_cache: bool = False,
    pull: bool = False,
    push: bool = False,
) -> Plan:
    """Build the images of ``services`` (all where none is named) that changed."""
    wanted = [
        name
        for name, service in world.model.services.items()
        if service.build and (name in services or not services)
    ]
    images = plan_images(world, wanted, no_cache=no_cache, pull=pull, push=push)
    warnings = (*world.warnings, *images.warnings)
    return finished(world, "build", images.steps, blockers=images.blockers, warnings=warnings)
