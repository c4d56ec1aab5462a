"""Conflicts of an instance: what two copies of a model would both write to. Also finds a free name
for an instance."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from composetasks.facts import Blocker, Model, World
from composetasks.plan.conflicts.claims import conflict
from composetasks.plan.conflicts.networks import keys_of
from composetasks.plan.conflicts.origin import project_folder, real_path

LONGEST = 41
"""Maximum length of an instance's name: it becomes part of a Compose project name."""


def free_name(world: World) -> str:
    """A name for an instance of this checkout: its folder's name, reduced to valid characters, with
    a number if another checkout has an instance of that name."""
    model = world.model
    base = model.project.removesuffix(f"-{model.instance}") if model.instance else model.project
    wanted = re.sub(r"[^a-z0-9_-]+", "-", (world.checkout or model.directory.name).lower())
    wanted = wanted.strip("-_")[: LONGEST - 3].rstrip("-_") or "copy"
    taken = {
        container.project
        for container in world.engine.containers
        if real_path(world, container.working_dir) != project_folder(world)
    }
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, 100)))
    return next(name for name in names if f"{base}-{name}" not in taken)


def blockers(world: World, services: Collection[str]) -> Iterator[Blocker]:
    """Yield blockers for what the started services and another copy would both write to."""
    for common in world.in_common:
        starting = [name for name in common.services if name in services]
        if starting:
            yield conflict(
                f"shared-{common.kind}",
                common.name,
                f"instance {world.model.instance} would share {common.kind} {common.name} with the "
                f"other copies (service {', '.join(starting)}): {common.reason}",
                common.hint,
                service=starting[0],
            )


def warnings(world: World, services: Collection[str]) -> Iterator[str]:
    """Yield warnings about what the copies share because the model says so."""
    model = world.model
    if not model.instance:
        return
    external = [
        network.name
        for key in keys_of(model, services)
        if (network := model.networks.get(key)) and network.external
    ]
    if external:
        on = sorted({name for key in external for name in _on(model, services, key)})
        yield (
            f"external network {', '.join(external)} is the same for all copies, and so are the "
            f"names on it of {', '.join(on)}"
        )
    host = [name for name in services if model.services[name].config.get("network_mode") == "host"]
    if host:
        yield (
            f"{', '.join(host)} on the host's network: what listens there, and what is reached at "
            "localhost, is the same for all copies"
        )


def _on(model: Model, services: Collection[str], name: str) -> list[str]:
    keys = {key for key, one in model.networks.items() if one.name == name}
    return [one for one in services if keys & set(model.services[one].networks)]
