"""What is mounted: sources that are not there (what a start can't do without, and what it makes by
mistake), and images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from composetasks.facts import (
    Action,
    Blocker,
    Container,
    Evidence,
    ExitCode,
    Service,
    Step,
    World,
)
from composetasks.facts.references import plain

FILE_NAME = re.compile(r"[^.]\.(?!d$)[A-Za-z]\w*$")
"""A name that is rather a file's than a folder's: ``app.conf``, not ``conf.d``, ``python3.11``."""
STARTED = (Action.CREATE_CONTAINER, Action.RECREATE_CONTAINER, Action.START_CONTAINER)


def without_source(world: World, steps: Iterable[Step]) -> Iterator[Blocker]:
    """A blocker for each file or folder that a container to be started mounts and nobody makes."""
    for name in _started(steps):
        for path in world.model.services[name].needs:
            if path in world.missing:
                yield Blocker(
                    kind="mount",
                    target=path,
                    message=f"{name}: {path}, which is mounted into it, does not exist",
                    hint="create it, or correct the path in the compose file",
                    code=ExitCode.INVALID,
                    service=name,
                )


def made_as_folders(world: World, steps: Iterable[Step]) -> Iterator[str]:
    """Warnings: Compose makes a missing source as an empty folder, also where a file was meant, as
    the name of the place in the container says."""
    for name in _started(steps):
        service = world.model.services[name]
        for mount in service.mounts:
            if (
                mount.type == "bind"
                and mount.source in world.missing
                and mount.source not in service.needs
                and FILE_NAME.search(PurePath(mount.target).name)
            ):
                yield (
                    f"{name}: {mount.source} does not exist, and Compose makes it a folder: where "
                    f"{mount.target} is to be a file, create it first"
                )


def mounted_images(
    world: World, service: Service, container: Container, image_of: Mapping[str, str | None]
) -> Iterator[Evidence]:
    """The mounted images (``type: image``) that are others than when a container was made, by the
    label in which Compose keeps their ids. Versions without it recreate nothing for that."""
    label = container.labels.get("com.docker.compose.image-volume-digest", "")
    mounted = dict(part.rpartition("=")[::2] for part in label.split(",") if part)
    builders = world.model.builders()
    for mount in service.mounts:
        if mount.type != "image" or mount.target not in mounted:
            continue
        builder, was = builders.get(plain(mount.source), ""), mounted[mount.target]
        image = world.engine.image(mount.source)
        now = image_of.get(builder, image.id if image else was)
        if now != was:
            new = "made by this plan" if now is None else _short(now)
            yield Evidence(kind="mounted-image", name=mount.source, old=_short(was), new=new)


def _short(identity: str) -> str:
    return identity.removeprefix("sha256:")[:12]


def _started(steps: Iterable[Step]) -> Iterator[str]:
    yield from dict.fromkeys(step.service for step in steps if step.action in STARTED)
