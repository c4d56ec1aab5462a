"""Find the instances of a project that outlived their owners: by the labels on the engine, which
survive the instance's folder, and by the folders, which survive the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from composetasks.facts import (
    INSTANCE_LABEL,
    OWNER_LABEL,
    AbandonedInstance,
    Container,
    Network,
    Volume,
    World,
)
from composetasks.facts.engine import PROJECT
from composetasks.store import instance_folder

Key = tuple[str, str]
"""An instance's name and its owner's text: over time, a name may have had several owners."""
Labelled = TypeVar("Labelled", Container, Network, Volume)


def with_abandoned(world: World, instances: Path) -> World:
    """Return ``world`` with the abandoned instances of its project separate from the rest of the
    engine.

    ``instances`` is the folder of this checkout's instances. Instances of a running process, of a
    process on another machine, or without owner are never abandoned. The folder of the run's own
    instance is excluded, because it already belongs to a new owner.
    """
    engine, own = world.engine, world.model.instance
    base = world.model.project.removesuffix(f"-{own}") if own else world.model.project
    containers = _by_instance(engine.containers, base)
    networks = _by_instance(engine.networks, base)
    volumes = _by_instance(engine.volumes, base)
    places = {key: place for key, place in _places(instances, containers).items() if key[0] != own}
    keys = sorted({*containers, *networks, *volumes, *places})
    if not keys:
        return world
    return replace(
        world,
        abandoned=tuple(
            AbandonedInstance(
                instance=key[0],
                project=f"{base}-{key[0]}",
                owner=key[1],
                place=places.get(key, ""),
                containers=containers.get(key, ()),
                networks=networks.get(key, ()),
                volumes=volumes.get(key, ()),
            )
            for key in keys
        ),
        engine=replace(
            engine,
            containers=_without(engine.containers, containers),
            networks=_without(engine.networks, networks),
            volumes=_without(engine.volumes, volumes),
        ),
    )


def _by_instance(some: Iterable[Labelled], base: str) -> dict[Key, tuple[Labelled, ...]]:
    """Return those of ``some`` that belong to an instance of ``base`` whose owner has ended."""
    grouped: dict[Key, list[Labelled]] = {}
    for labelled in some:
        key: Key = (labelled.labels.get(INSTANCE_LABEL, ""), labelled.labels.get(OWNER_LABEL, ""))
        ours = labelled.labels.get(PROJECT) == f"{base}-{key[0]}"
        if all(key) and ours and (key in grouped or instance_folder.ended(key[1])):
            grouped.setdefault(key, []).append(labelled)
    return {key: tuple(few) for key, few in grouped.items()}


def _without(
    all_of: tuple[Labelled, ...], some: Mapping[Key, tuple[Labelled, ...]]
) -> tuple[Labelled, ...]:
    gone = [one for few in some.values() for one in few]
    return tuple(one for one in all_of if one not in gone)


def _places(instances: Path, containers: Mapping[Key, tuple[Container, ...]]) -> dict[Key, str]:
    """Return the folders of abandoned instances: all of this checkout, and those of other checkouts
    that their containers name."""
    places: dict[Key, str] = {}
    for record in instances.glob(f"*/{instance_folder.RECORD}"):
        owner = instance_folder.recorded(record.parent) or ""
        if instance_folder.ended(owner):
            places[record.parent.name, owner] = str(record.parent)
    for key, some in containers.items():
        for file in {Path(file) for one in some for file in one.config_files}:
            if key not in places and _is_override(file, key):
                places[key] = str(file.parent)
    return places


def _is_override(file: Path, key: Key) -> bool:
    """Tell whether a file that a label names is the override of this very instance."""
    name, owner = key
    return (
        file.parts[-4:] == (".composetasks", "instances", name, instance_folder.OVERRIDE)
        and instance_folder.recorded(file.parent) == owner
    )
