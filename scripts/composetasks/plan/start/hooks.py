"""Services whose containers Compose itself has to stop: its ``stop`` runs their ``pre_stop`` hooks.

For all others it is the engine's stop, which we ask for ourselves, container by container."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from composetasks.facts import RemoveContainer, Step, StopContainer, World

_Ending = RemoveContainer | StopContainer


def with_hooks(world: World, steps: Iterable[Step]) -> list[Step]:
    """``steps`` with those marked that Compose is to do. It knows services, not containers: where
    one of those that it would stop is to stay, the engine stops the others."""
    steps = list(steps)
    ended = {step.key for step in steps if isinstance(step.operation, _Ending)}
    project = world.model.project
    hooked: dict[str, set[str]] = {
        name: set()
        for name, service in world.model.services.items()
        if service.config.get("pre_stop")
    }
    for one in world.engine.containers:
        of = one.service if one.replica and one.project == project else one.mistaken_for(project)
        if one.running and of in hooked:
            hooked[of].add(one.id)
    whole = {key for keys in hooked.values() if keys <= ended for key in keys}
    return [
        replace(step, operation=replace(step.operation, by_compose=step.key in whole))
        if isinstance(step.operation, _Ending)
        else step
        for step in steps
    ]
