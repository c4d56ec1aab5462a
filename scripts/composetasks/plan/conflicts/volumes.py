"""Volumes: new ones whose data is probably in another project's volume, those that differ from the
model, and those whose device does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from shlex import quote
from typing import Any

from composetasks.facts import (
    INSTANCE_LABEL,
    SENT,
    Blocker,
    ExitCode,
    Model,
    Resource,
    Volume,
    World,
    bind_device,
)
from composetasks.facts.engine import CONFIG_HASH, PROJECT, VOLUME
from composetasks.facts.program import task
from composetasks.plan.conflicts.origin import project_folder, real_path, used_unchanged


def used(model: Model, services: Iterable[str]) -> Mapping[str, list[str]]:
    """The keys of the volumes that ``services`` mount, each with its services."""
    users: dict[str, list[str]] = {}
    for name in services:
        for mount in model.services[name].mounts:
            if mount.type == "volume" and mount.source in model.volumes:
                users.setdefault(mount.source, []).append(name)
    return {key: list(dict.fromkeys(users[key])) for key in sorted(users)}


def options_of(resource: Resource) -> Mapping[str, str]:
    """The driver options that the model gives to a volume."""
    options: Mapping[str, Any] = resource.config.get("driver_opts") or {}
    return {name: str(value) for name, value in options.items()}


# --- the data is elsewhere ------------------------------------------------------------------


def namesakes(world: World, services: Iterable[str]) -> Iterator[str]:
    """Yield warnings about volumes that do not exist yet although what looks like this project
    under another name has one; the data is there if the folder or COMPOSE_PROJECT_NAME was
    changed."""
    if world.model.instance:
        return  # a copy starts empty on purpose
    there = {volume.name for volume in world.engine.volumes}
    for key in used(world.model, services):
        resource = world.model.volumes[key]
        if (
            key == SENT
            or resource.external
            or resource.name in there
            or "device" in options_of(resource)
        ):
            continue
        others = [one for one in world.engine.volumes if _namesake(world, one, key)]
        if others:
            others.sort(key=lambda one: one.name)
            others.sort(key=lambda one: one.created, reverse=True)
            yield _warning(key, resource.name, [_described(world, one) for one in others])


def _namesake(world: World, volume: Volume, key: str) -> bool:
    owner = volume.labels.get(PROJECT)
    if not owner:
        return volume.name == key
    return (
        volume.labels.get(VOLUME) == key
        and INSTANCE_LABEL not in volume.labels
        and owner != world.model.project
        and _renamed(world, owner)
    )


def _renamed(world: World, other: str) -> bool:
    """Whether another project looks like this one under another name: its containers belong to this
    folder, or it has none and one project's name begins with the other's. A volume's key is not
    enough: many projects have a volume ``data``."""
    folders = {one.working_dir for one in world.engine.containers if one.project == other}
    if folders:
        return project_folder(world) in {real_path(world, folder) for folder in folders if folder}
    own = world.model.project
    return own.startswith(other) or other.startswith(own)


def _described(world: World, volume: Volume) -> str:
    """A similar volume's name, maker and age."""
    owner = volume.labels.get(PROJECT)
    whose = f"of Compose project {owner}" if owner else "created by hand"
    folders = {
        container.working_dir
        for container in world.engine.containers
        if owner and container.project == owner and container.working_dir
    }
    where = f" in {', '.join(sorted(folders))}" if folders else ""
    created = f", created {volume.created}" if volume.created else ""
    return f"{volume.name} {whose}{where}{created}"


def _warning(key: str, name: str, namesakes: list[str]) -> str:
    there = "; ".join(namesakes)
    return (
        f"volume {name} does not exist and is created empty, but "
        f"{'a similar volume exists' if len(namesakes) == 1 else 'similar volumes exist'}: "
        f"{there}; if the data is there, set COMPOSE_PROJECT_NAME, or name the volume "
        f"(volumes.{key}.name) in the model"
    )


# --- the volume differs from the model ------------------------------------------------------


def changed(world: World, services: Iterable[str]) -> Iterator[str]:
    """Yield warnings about volumes that were created with other options than the model's, or by
    others. They are used unchanged, as by Compose (unless Compose is asked to empty them)."""
    by_name = {volume.name: volume for volume in world.engine.volumes}
    for key in used(world.model, services):
        resource = world.model.volumes[key]
        volume = by_name.get(resource.name)
        if volume is None or resource.external:
            continue
        if volume.labels.get(PROJECT) != world.model.project:
            yield used_unchanged("volume", volume.name, volume.labels)
        elif _differs(volume, resource):
            yield _used_as_it_is(volume, resource)


def _differs(volume: Volume, resource: Resource) -> bool:
    """Whether a volume differs from the model by Compose's hash and by driver or options: other
    versions of Compose may compute another hash, and labels do not matter."""
    if resource.config_hash in ("", volume.labels.get(CONFIG_HASH, resource.config_hash)):
        return False
    driver = str(resource.config.get("driver") or "local")
    return (volume.driver, dict(volume.options)) != (driver, dict(options_of(resource)))


def _used_as_it_is(volume: Volume, resource: Resource) -> str:
    device, wanted = volume.options.get("device"), options_of(resource).get("device")
    what = "another definition"
    if device != wanted:
        what = f"device {device or '(none)'}, but the model has {wanted or '(none)'}"
    lost = (
        f"the data in {device} is kept" if bind_device(volume.options) else "its data would be lost"
    )
    return (
        f"volume {volume.name} was created with {what}; it is used unchanged: after "
        f"{task('down')}, `docker volume rm {quote(volume.name)}` lets the next start recreate it "
        f"({lost})"
    )


# --- the device does not exist --------------------------------------------------------------


def without_device(world: World, services: Iterable[str]) -> Iterator[Blocker]:
    """Yield a blocker for each local volume of ``services`` whose folder or device does not exist:
    the engine would create the volume, but could not mount it."""
    there = {volume.name: volume for volume in world.engine.volumes}
    for key, users in used(world.model, services).items():
        resource = world.model.volumes[key]
        volume = there.get(resource.name)
        driver = volume.driver if volume else str(resource.config.get("driver") or "local")
        options = volume.options if volume else options_of(resource)
        device = bind_device(options)
        if driver == "local" and device in world.missing:
            yield Blocker(
                kind="volume",
                target=resource.name,
                message=f"{', '.join(users)}: the device of volume {key}, {device}, does not exist",
                hint=_hint(resource, volume, device),
                code=ExitCode.INVALID,
                service=users[0],
            )


def _hint(resource: Resource, volume: Volume | None, device: str) -> str:
    if volume is not None and options_of(resource).get("device") != device:
        return (
            f"the model now names another one: `docker volume rm {quote(resource.name)}` lets the "
            "next start recreate the volume"
        )
    if not device.startswith("/"):
        return (
            "a relative device is relative to a folder of the engine: write `driver: local` in "
            f"volumes.{resource.key} (Compose then makes it absolute), or ${{PWD}}/{device}"
        )
    return f"create it (`mkdir -p {quote(device)}`), or correct volumes.{resource.key}.driver_opts"
