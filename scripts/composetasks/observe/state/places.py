"""Determine the state: the named volumes of this project, and the folders below it that its
services write to. External volumes, volumes of other projects, read-only mounts, folders outside
the project, single files, and code are not state; :class:`Unkept` gives the reason for each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import (
    SENT,
    Engine,
    Model,
    Mount,
    Resource,
    Service,
    State,
    Unkept,
    Volume,
    bind_device,
)
from composetasks.facts.engine import PROJECT, replicas_of
from composetasks.facts.frozen import frozen
from composetasks.facts.paths import of_the_machine, within
from composetasks.observe.engine import host_files
from composetasks.observe.state.code_folders import UNTOLD, is_kept_empty, why_no_state
from composetasks.run import file_systems, settings

if TYPE_CHECKING:
    from docker import APIClient


IN_MEMORY = "in memory, which is lost when its services stop"


@frozen
class ObservedState:
    """The state of a model, what services write to that is not state, and warnings."""

    state: tuple[State, ...]
    unkept: tuple[Unkept, ...]
    warnings: tuple[str, ...]


def observe_state(
    model: Model,
    engine: Engine,
    client: APIClient,
    folder: Path,
    named: Mapping[str, settings.StateSetting],
    own: Path | None = None,
) -> ObservedState:
    """Return the state of ``model``, by name. ``folder`` is that of ``tasks.py``, ``named`` comes
    from the settings, ``own`` is where an instance has its folders. Sizes are not measured here."""
    warnings: list[str] = []
    unkept: list[Unkept] = []
    mounted = _mounted(client)
    homes = homes_of(model, folder.resolve())
    parts = list(_volumes(model, engine, named, (*homes, *([own] if own else [])), unkept))
    folders = _found_folders(model, folder.resolve(), named, own, warnings, unkept)
    parts += _outermost(folders, warnings)
    unkept += nameless(model, engine)
    if own is not None:  # an instance must not empty what all copies share
        parts = [one for one in parts if not named.get(one.name, settings.StateSetting()).shared]
    names = {one.name for one in parts}
    warnings += [
        f"setting stack.state.{name} matches no state of the model"
        for name in named
        if name not in names
        and not any(one.what.endswith(f" {name}") for one in unkept)
        and not (own is not None and named[name].shared)
        and not any(f"{name} " in warning for warning in warnings)
    ]
    return ObservedState(
        tuple(
            replace(part, containers=_users(part, mounted))
            for part in sorted(parts, key=lambda one: one.name)
        ),
        tuple(unkept),
        tuple(warnings),
    )


def at_the_engine(state: Sequence[State], model: Model, client: APIClient) -> tuple[State, ...]:
    """Return the state with its folders as they are on a remote engine's host: under the mounted
    paths, and with their existence there."""
    sources = {path: mounts[0][1].source for path, mounts in mounts_of(model, "bind").items()}
    there = {one.name: sources[one.place] for one in state if one.kind == "folder"}
    missing = host_files.missing(client, there.values())
    return tuple(
        replace(part, place=place, exists=place not in missing)
        if (place := there.get(part.name))
        else part
        for part in state
    )


def _mounted(client: APIClient) -> dict[str, set[str]]:
    """Return the ids of the containers that mount a volume (by name) or a folder (by real path), in
    one round trip."""
    users: dict[str, set[str]] = {}
    for container in client.containers(all=True):
        for mount in container.get("Mounts") or ():
            place = mount.get("Name") if mount.get("Type") == "volume" else ""
            if not place and (source := mount.get("Source")):
                place = file_systems.realpath(str(source))
            if place:  # mounted memory has neither a name nor a place
                users.setdefault(str(place), set()).add(str(container["Id"]))
    return users


def _users(state: State, mounted: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return the containers that mount the state or something inside it."""
    folder = (
        state.place
        if state.kind == "folder"
        else state.folder and file_systems.realpath(state.folder)
    )
    inside = folder if folder != "/" else ""
    return tuple(
        sorted(
            {
                key
                for place, keys in mounted.items()
                if place in (state.place, folder) or (inside and within(place, inside))
                for key in keys
            }
        )
    )


# --- volumes --------------------------------------------------------------------------------


def _volumes(
    model: Model,
    engine: Engine,
    named: Mapping[str, settings.StateSetting],
    homes: Sequence[Path],
    unkept: list[Unkept],
) -> Iterator[State]:
    there = {volume.name: volume for volume in engine.volumes}
    mounts = mounts_of(model, "volume")
    for key, resource in model.volumes.items():
        services, written = use(mounts.get(key, ()))
        if key == SENT or (services and not written):
            continue
        volume = there.get(resource.name)
        why, in_memory = _not_ours(model, resource, volume)
        if why:
            if services:
                unkept.append(Unkept(f"volume {resource.name}", services, why, in_memory))
            continue
        if volume is None and not services:
            continue
        setting = named.get(key, settings.StateSetting())
        device = bind_device(volume.options) if volume else ""
        yield State(
            name=key,
            kind="volume",
            source=key,
            place=resource.name,
            services=services,
            group=setting.group,
            cache=setting.cache,
            description=setting.description,
            exists=volume is not None,
            folder=device,
            outside_project=bool(device)
            and home_of(Path(file_systems.realpath(device)), homes) is None,
        )


def _not_ours(model: Model, resource: Resource, volume: Volume | None) -> tuple[str, bool]:
    """Return why a volume is not state of the project ("" if it is), and if it is in memory."""
    if resource.external:
        return "external, and so not owned by this project", False
    options = volume.options if volume else resource.config.get("driver_opts") or {}
    if options.get("type") == "tmpfs":
        return IN_MEMORY, True
    owner = volume.labels.get(PROJECT) if volume else model.project
    if owner == model.project:
        return "", False
    return (f"of project {owner}" if owner else "created by hand"), False


def nameless(model: Model, engine: Engine) -> list[Unkept]:
    """Return what services may write to that can't be kept because it has no name: anonymous
    volumes, including those that images declare, and mounted memory."""
    volumes = {
        (name, mount.target)
        for name, service in model.services.items()
        for mount in service.mounts
        if mount.type == "volume" and not mount.source
    }
    for container in replicas_of(engine.containers, model.project):
        service = model.services.get(container.service)
        if service is not None:
            declared = {mount.target for mount in service.mounts}
            volumes |= {(service.name, at) for at in container.volumes if at not in declared}
    memory = {
        (name, target) for name, service in model.services.items() for target in _tmpfs(service)
    }
    reason = "an anonymous volume: name it in the compose file to include it"
    return [
        *(Unkept(f"{name}:{target}", (name,), reason) for name, target in sorted(volumes)),
        *(Unkept(f"{name}:{target}", (name,), IN_MEMORY) for name, target in sorted(memory)),
    ]


def _tmpfs(service: Service) -> Iterator[str]:
    yield from (mount.target for mount in service.mounts if mount.type == "tmpfs")
    listed = service.config.get("tmpfs") or ()
    for entry in [listed] if isinstance(listed, str) else listed:
        yield str(entry).split(":")[0]


# --- folders --------------------------------------------------------------------------------


def reset_folders(
    model: Model, folder: Path, named: Mapping[str, settings.StateSetting]
) -> tuple[Path, ...]:
    """Return the folders of ``model`` that ``reset-state`` empties, as real paths."""
    return tuple(map(Path, _found_folders(model, folder.resolve(), named, None, [], [])))


def state_folders(
    model: Model, folder: Path, named: Mapping[str, settings.StateSetting]
) -> dict[Path, str]:
    """Return the folders of ``model`` that hold state, by real path, with the paths of an
    instance's own copies below its state folder."""
    homes = homes_of(model, folder.resolve())
    there = _found_folders(model, folder.resolve(), named, None, [], [])
    folders = by_path(homes, named, None)
    # State for a copy, which does not need the placeholder. Emptying it here would delete that.
    empty = [
        path
        for path, mounts in mounts_of(model, "bind").items()
        if use(mounts)[1] and is_kept_empty(Path(path))
    ]
    return {
        place: str(place.relative_to(home))
        for path in (*there, *folders, *empty)
        if (home := home_of(place := Path(path), homes)) is not None
        and not (path in folders and named[folders[path]].shared)
    }


def homes_of(model: Model, folder: Path) -> tuple[Path, Path]:
    return model.directory.resolve(), folder


def home_of(place: Path, homes: Sequence[Path]) -> Path | None:
    return next((one for one in homes if one in place.parents), None)


def by_path(
    homes: Sequence[Path], named: Mapping[str, settings.StateSetting], own: Path | None
) -> dict[str, str]:
    """Return the names that the settings give to paths, and to an instance's copies of them."""
    by_place = {
        file_systems.realpath(home / (setting.path or name)): name
        for home in reversed(homes)
        for name, setting in named.items()
    }
    if own is None:
        return by_place
    there = {path: home_of(Path(path), homes) for path in by_place}
    return by_place | {
        str(own / Path(path).relative_to(home)): by_place[path]
        for path, home in there.items()
        if home is not None
    }


def _found_folders(
    model: Model,
    folder: Path,
    named: Mapping[str, settings.StateSetting],
    own: Path | None,
    warnings: list[str],
    unkept: list[Unkept],
) -> dict[str, State]:
    own = own and own.resolve()
    homes = homes_of(model, folder)
    names = by_path(homes, named, own)
    folders: dict[str, State] = {}
    for path, mounts in sorted(mounts_of(model, "bind").items()):
        place = Path(path)
        home = own if own and own in place.parents else home_of(place, homes)
        services, written = use(mounts)
        if file_systems.silent(path):
            unkept.append(Unkept(path, services, "its file system does not answer"))
            continue
        if not written or _is_special(place):
            continue
        if home is None or os.path.isfile(place):
            why = "a single file"
            if not os.path.isfile(place):
                why = holds_project(place, model, folder) or "outside the project's folder"
            unkept.append(Unkept(str(place.relative_to(home) if home else place), services, why))
            continue
        relative = str(place.relative_to(home))
        name = names.get(path, relative)
        why = holds_project(place, model, folder) or why_no_state(
            place, project=home, named=path in names or home == own
        )
        if why:
            if path in names:
                warnings.append(f"{relative} is named in the settings, but is not state: {why}")
            else:
                unkept.append(Unkept(relative, services, why, untold=why == UNTOLD))
            continue
        setting = named.get(name, settings.StateSetting())
        folders[path] = State(
            name=name,
            kind="folder",
            source=relative,
            place=path,
            services=services,
            group=setting.group,
            cache=setting.cache,
            description=setting.description,
            exists=os.path.isdir(place),
        )
    return folders


def _is_special(place: Path) -> bool:
    """Tell whether a mount is not plain data: a socket, a device, or a system folder."""
    return of_the_machine(str(place)) or file_systems.is_special(place)


def _outermost(folders: Mapping[str, State], warnings: list[str]) -> Iterator[State]:
    """Yield only the outermost folders: those inside another one belong to it."""
    outer: dict[str, State] = {}
    for path, state in sorted(folders.items()):
        around = next((place for place in outer if within(path, place)), None)
        if around is None:
            outer[path] = state
            continue
        services = (*outer[around].services, *state.services)
        outer[around] = replace(outer[around], services=tuple(dict.fromkeys(services)))
        warnings.append(f"{state.name} is inside {outer[around].name} and is part of it")
    yield from outer.values()


def holds_project(place: Path, model: Model, folder: Path) -> str:
    """Return why a folder is too large to be state: it contains the project itself."""
    inner = (model.directory.resolve(), folder, *(path.resolve() for path in model.files))
    if any(path.is_relative_to(place) for path in inner):
        return "it contains the project itself"
    return ""


# --- mounts ---------------------------------------------------------------------------------


def mounts_of(model: Model, kind: str) -> dict[str, list[tuple[str, Mount]]]:
    """Return the mounts of a kind with their services, by volume key or real path."""
    mounts: dict[str, list[tuple[str, Mount]]] = {}
    for name, service in model.services.items():
        for mount in service.mounts:
            if mount.type == kind and mount.source:
                key = file_systems.realpath(mount.source) if kind == "bind" else mount.source
                mounts.setdefault(key, []).append((name, mount))
    return mounts


def use(mounts: Sequence[tuple[str, Mount]]) -> tuple[tuple[str, ...], bool]:
    """Return the services of some mounts, and whether any of them may write."""
    names = tuple(dict.fromkeys(name for name, _ in mounts))
    return names, any(not mount.read_only for _, mount in mounts)
