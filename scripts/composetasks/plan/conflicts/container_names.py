"""Container names: who has those that a start needs, and which an interrupted recreation left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from composetasks.facts import Blocker, Container, Evidence, Model, World
from composetasks.facts.frozen import frozen
from composetasks.plan.conflicts.claims import Claim, ClaimKind, conflict
from composetasks.plan.conflicts.origin import Origin, origin

TEMPORARY = re.compile(r"([0-9a-f]{12})_(.+)")
"""Compose's name for the new container while the old one still has the final name: the first 12
digits of the old container's id, and the final name."""


def claims(world: World, names: Mapping[str, str]) -> Iterator[Claim]:
    """Yield claims on containers that have one of ``names`` but belong to another service."""
    for container in world.engine.containers:
        service = names.get(container.name)
        if service is None:
            continue
        if origin(world, container) is Origin.OURS and container.service == service:
            continue
        yield Claim(ClaimKind.NAME, container.name, service, container)


def ours_against_ours(model: Model, services: Iterable[str]) -> Iterator[Blocker]:
    """Yield names that two services need. (Compose refuses a ``container_name`` that is given
    twice, but not one that equals another service's generated name.)"""
    wanted: dict[str, list[str]] = {}
    for service in services:
        for name in dict.fromkeys(model.services[service].container_names):
            wanted.setdefault(name, []).append(service)
    for name, wanting in wanted.items():
        if len(wanting) > 1:
            yield conflict(
                "own-name",
                name,
                f"services {_and(wanting)} both want the container name {name}",
                "give one of them another container_name",
                service=wanting[0],
                because=tuple(Evidence(kind="service", name=one) for one in wanting),
            )


@frozen
class InterruptedRecreation:
    """A container with a temporary name, its final name, and the container that it was to replace,
    None if that is gone."""

    container: Container
    name: str
    original: Container | None


def interrupted(world: World, services: Iterable[str]) -> Iterator[InterruptedRecreation]:
    """Yield what interrupted recreations of ``services`` left behind."""
    wanted = set(services)
    ours = {}
    for container in world.engine.containers:
        if container.service in wanted and origin(world, container) is Origin.OURS:
            ours[container.name] = container
    for container in ours.values():
        match = TEMPORARY.fullmatch(container.name)
        if match and match[2] in world.model.services[container.service].container_names:
            original = ours.get(match[2])
            if original is not None and original.service != container.service:
                original = None
            yield InterruptedRecreation(container, match[2], original)


def own_name(world: World, container: Container) -> str:
    """A free name for one of our containers that must give up its own: the one its service needs
    now, or Compose's temporary name, from which Compose recreates it too."""
    wanted = world.model.services[container.service].container_names
    taken = {other.name for other in world.engine.containers}
    place = container.number - 1
    if 0 <= place < len(wanted) and wanted[place] not in taken:
        return wanted[place]
    return f"{container.id[:12]}_{container.name}"


def _and(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
