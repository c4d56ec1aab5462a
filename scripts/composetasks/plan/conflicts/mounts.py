"""Mounts: missing sources (those that a start requires, and those that the engine wrongly creates
as folders), and images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from composetasks.facts import (
    MADE_BY_PLAN,
    Blocker,
    Container,
    ContainerStart,
    Evidence,
    ExitCode,
    Mount,
    NotSent,
    Service,
    Step,
    World,
)
from composetasks.facts.engine import COMPOSE
from composetasks.facts.references import plain, short_id

FILE_NAME = re.compile(r"[^.]\.(?!d$)[A-Za-z]\w*$")
"""A name that looks like a file's: ``app.conf``, but not ``conf.d`` or ``python3.11``."""

WAYS_THERE = {
    None: "set `stack.remote.mounts: send` to send it there; copy it into the image "
    "(COPY); or sync it (`develop.watch`) and remove the mount",
    NotSent.STATE: "restore a snapshot of this state there (`restore`), or create the folder there",
    NotSent.KIND: "create it there, or remove the mount",
}
"""How a source of this machine gets to an engine on another host, by why it is not sent."""


def without_source(world: World, steps: Iterable[Step]) -> Iterator[Blocker]:
    """Yield a blocker for each file, folder or device that the containers to start need and nothing
    creates, and for each for which the engine would wait forever."""
    users: dict[str, list[str]] = {}
    for name in started(steps):
        service = world.model.services[name]
        sources = (one.source for one in service.mounts if one.type == "bind")
        for path in (
            *(one for one in service.needs if one in world.missing),
            *(one for one in sources if one in world.only_here or one in world.silent),
        ):
            users.setdefault(path, []).append(name)
    for path, names in users.items():
        needed = f"{', '.join(dict.fromkeys(names))}: {path}, which its containers need,"
        yield Blocker(
            kind="mount",
            target=path,
            message=f"{needed} {_why_not(path, world)}",
            hint=_way_out(path, world),
            code=ExitCode.INVALID,
            service=names[0],
        )


def _why_not(path: str, world: World) -> str:
    if point := world.silent.get(path):
        return f"can't be reached: the file system at {point} does not answer"
    return f"does not exist at {world.remote}" if world.remote else "does not exist"


def _way_out(path: str, world: World) -> str:
    if point := world.silent.get(path):
        return f"find out why (`stat -f {point}` waits for it as well), or unmount it"
    if not world.remote:
        return "create it, or correct the path in the compose file"
    # Docker would create an empty folder there and start the service with it.
    if path not in world.only_here:
        return "bind mounts refer to the engine's host: create it there, or correct the path"
    return f"bind mounts refer to the engine's host: {WAYS_THERE[world.not_sent.get(path)]}"


def from_elsewhere(world: World, steps: Iterable[Step]) -> Iterator[str]:
    """Yield a warning if paths of the project's folder are mounted from another host."""
    if not world.remote:
        return
    folder = str(world.model.directory)
    mounted = {
        mount.source: name
        for name in started(steps)
        for mount in world.model.services[name].mounts
        if mount.type == "bind" and mount.source not in world.only_here
        if PurePath(mount.source).is_relative_to(folder)
    }
    if mounted:
        named = ", ".join(f"{path} ({name})" for path, name in sorted(mounted.items()))
        yield f"{named}: mounted from the engine's host, {world.remote}, not from this machine"


def folders_for_files(world: World, steps: Iterable[Step]) -> Iterator[str]:
    """Yield warnings about missing sources that are files by the names on both sides, but that the
    engine creates as empty folders owned by root, and about such folders from earlier starts."""
    meant = [
        (name, mount)
        for name in started(steps)
        for mount in world.model.services[name].mounts
        if mount.type == "bind"
        and mount.source not in world.model.services[name].needs
        and all(FILE_NAME.search(PurePath(one).name) for one in (mount.source, mount.target))
    ]
    missing = [one for one in meant if one[1].source in world.missing]
    if missing:
        yield (
            f"{_named(missing)}: does not exist, so the engine creates a folder owned by root in "
            "its place; if a file is meant, create it first"
        )
    empty = [one for one in meant if one[1].source in world.empty_folders]
    if empty:
        yield (
            f"{_named(empty)}: an empty folder, as the engine creates when a mounted file is "
            "missing; if a file is meant, `rmdir` it and create the file"
        )


def _named(mounts: list[tuple[str, Mount]]) -> str:
    parts = [f"{mount.source} ({name}, at {mount.target})" for name, mount in mounts]
    return ", ".join(parts)


def mounted_images(
    world: World, service: Service, container: Container, image_of: Mapping[str, str | None]
) -> Iterator[Evidence]:
    """Yield the mounted images (``type: image``) that changed since a container was created, by the
    label with their ids. Compose versions without this label do not recreate the container."""
    label = container.labels.get(f"{COMPOSE}image-volume-digest", "")
    mounted = dict(part.rpartition("=")[::2] for part in label.split(",") if part)
    builders = world.model.builders()
    for mount in service.mounts:
        if mount.type != "image" or mount.target not in mounted:
            continue
        builder, was = builders.get(plain(mount.source), ""), mounted[mount.target]
        image = world.engine.image(mount.source)
        now = image_of.get(builder, image.id if image else was)
        if now != was:
            new = MADE_BY_PLAN if now is None else short_id(now)
            yield Evidence(kind="mounted-image", name=mount.source, old=short_id(was), new=new)


def started(steps: Iterable[Step]) -> tuple[str, ...]:
    """The services whose containers ``steps`` start."""
    starting = (step for step in steps if isinstance(step.operation, ContainerStart))
    return tuple(dict.fromkeys(step.service for step in starting))
