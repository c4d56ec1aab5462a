"""Volumes: one that is about to be created empty while its namesake has been left elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from composetasks.facts import Volume, World

PROJECT = "com.docker.compose.project"
KEY = "com.docker.compose.volume"
NAMED = 3
"""How many namesakes a warning names, the newest first."""


def namesakes(world: World, services: Iterable[str]) -> Iterator[str]:
    """Warnings: a volume of the model does not exist yet, and another project has its namesake
    (after a renamed folder or another COMPOSE_PROJECT_NAME, that is where the data is)."""
    if world.model.instance:
        return  # a copy starts empty on purpose
    there = {volume.name for volume in world.engine.volumes}
    keys = {
        mount.source
        for name in services
        for mount in world.model.services[name].mounts
        if mount.type == "volume"
    }
    for key in sorted(keys & world.model.volumes.keys()):
        resource = world.model.volumes[key]
        if resource.external or resource.name in there:
            continue
        found = [one for one in world.engine.volumes if _namesake(one, key, world.model.project)]
        if found:
            found.sort(key=lambda one: one.name)
            found.sort(key=lambda one: one.created, reverse=True)
            yield _warning(key, resource.name, [_described(world, one) for one in found])


def _namesake(volume: Volume, key: str, project: str) -> bool:
    owner = volume.labels.get(PROJECT)
    if owner:
        return owner != project and volume.labels.get(KEY) == key
    return volume.name == key or volume.name.endswith(f"_{key}")


def _described(world: World, volume: Volume) -> str:
    """A namesake by name, maker and age."""
    owner = volume.labels.get(PROJECT)
    whose = f"of Compose project {owner}" if owner else "made by hand"
    folders = {
        container.working_dir
        for container in world.engine.containers
        if owner and container.project == owner and container.working_dir
    }
    where = f" in {', '.join(sorted(folders))}" if folders else ""
    made = f", created {volume.created}" if volume.created else ""
    return f"{volume.name} {whose}{where}{made}"


def _warning(key: str, name: str, namesakes: list[str]) -> str:
    more = len(namesakes) - NAMED
    there = "; ".join(namesakes[:NAMED]) + (f"; and {more} more" if more > 0 else "")
    return (
        f"volume {name} does not exist and is created empty, while there "
        f"{'is' if len(namesakes) == 1 else 'are'} {there}: if the data is there, set "
        f"COMPOSE_PROJECT_NAME, or name the volume (volumes.{key}.name) in the model"
    )
