"""Container names: who holds those a start needs, and those a failed recreation left behind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from composetasks.facts import Blocker, Container, Evidence, Model, World
from composetasks.facts.frozen import frozen
from composetasks.plan.conflicts.claims import Claim, ClaimKind, conflict
from composetasks.plan.conflicts.origin import Origin, origin

TEMPORARY = re.compile(r"([0-9a-f]{12})_(.+)")
"""What Compose calls the new container while the old one still has the name: the first 12 digits
of the old one's id, and the name it is to get."""


def claims(world: World, names: Mapping[str, str]) -> Iterator[Claim]:
    """Containers that hold one of ``names`` and are not of the service that needs it."""
    for container in world.engine.containers:
        service = names.get(container.name)
        if service is None:
            continue
        if origin(world, container) is Origin.OURS and container.service == service:
            continue
        yield Claim(ClaimKind.NAME, container.name, service, container)


def ours_against_ours(model: Model, services: Iterable[str]) -> Iterator[Blocker]:
    """Names that two services want. (Compose itself refuses a ``container_name`` given twice,
    not one that is another service's generated name.)"""
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
class Interrupted:
    """A container with a temporary name, the name it was to get, and the one it was to replace,
    where that is still there."""

    container: Container
    name: str
    original: Container | None


def interrupted(world: World, services: Iterable[str]) -> Iterator[Interrupted]:
    """What recreations of ``services`` that did not come to their end left behind."""
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
            yield Interrupted(container, match[2], original)


def own_name(world: World, container: Container) -> str:
    """A free name for one of our containers that must give up its own: the one its service wants
    now, or Compose's temporary one, from which Compose recreates it all the same."""
    wanted = world.model.services[container.service].container_names
    taken = {other.name for other in world.engine.containers}
    place = container.number - 1
    if 0 <= place < len(wanted) and wanted[place] not in taken:
        return wanted[place]
    return f"{container.id[:12]}_{container.name}"


def _and(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
