"""What is state: the named volumes of this project, and the folders below it that its services
write to. Never external volumes, volumes of others, what is only read, folders outside the
project, single files, or code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import Engine, Model, Mount, State
from composetasks.observe.code_folders import why_no_state
from composetasks.run import settings

if TYPE_CHECKING:
    from docker import APIClient

PROJECT = "com.docker.compose.project"


class Observed:
    """The state of a model, and what is worth a warning about it."""

    def __init__(self, state: tuple[State, ...], warnings: tuple[str, ...]) -> None:
        self.state, self.warnings = state, warnings


def observe_state(
    model: Model,
    engine: Engine,
    client: APIClient,
    folder: Path,
    named: Mapping[str, settings.State],
    own: Path | None = None,
) -> Observed:
    """The state of ``model``, by name; ``folder`` is that of ``tasks.py``, ``named`` what the
    settings say, ``own`` where an instance has its folders. Sizes are not measured here."""
    warnings: list[str] = []
    mounted = _mounted(client)
    found = [
        *_volumes(model, engine, named, warnings),
        *_folders(model, folder.resolve(), named, own, warnings),
    ]
    if own is not None:  # What all copies share is no instance's to empty.
        found = [one for one in found if not named.get(one.name, settings.State()).shared]
    known = {one.name for one in found}
    warnings += [
        f"setting stack.state.{name} names no state of the model"
        for name in named
        if name not in known
        and not (own is not None and named[name].shared)
        and not any(f"{name} " in warning for warning in warnings)
    ]
    return Observed(
        tuple(
            replace(one, containers=_users(one, mounted))
            for one in sorted(found, key=lambda one: one.name)
        ),
        tuple(warnings),
    )


def _mounted(client: APIClient) -> dict[str, set[str]]:
    """The ids of the containers that have a volume (by name) or a folder (by real path) mounted,
    in one round trip."""
    found: dict[str, set[str]] = {}
    for one in client.containers(all=True):
        for mount in one.get("Mounts") or ():
            volume = mount.get("Name") if mount.get("Type") == "volume" else ""
            place = volume or os.path.realpath(str(mount.get("Source") or "/"))
            found.setdefault(str(place), set()).add(str(one["Id"]))
    return found


def _users(one: State, mounted: Mapping[str, set[str]]) -> tuple[str, ...]:
    """The containers that have it, or something inside it, mounted."""
    inside = f"{one.place}/" if one.kind == "folder" else "\0"
    return tuple(
        sorted(
            {
                key
                for place, keys in mounted.items()
                if place == one.place or place.startswith(inside)
                for key in keys
            }
        )
    )


# --- volumes --------------------------------------------------------------------------------


def _volumes(
    model: Model, engine: Engine, named: Mapping[str, settings.State], warnings: list[str]
) -> Iterator[State]:
    there = {volume.name: volume for volume in engine.volumes}
    mounts = mounts_of(model, "volume")
    for key, resource in model.volumes.items():
        services, written = use(mounts.get(key, ()))
        if resource.external or (services and not written):
            continue
        volume = there.get(resource.name)
        owner = volume.labels.get(PROJECT) if volume else model.project
        if owner != model.project:
            whose = f"of project {owner}" if owner else "made by hand"
            warnings.append(f"volume {resource.name} is {whose}, and so no state of this project")
            continue
        if volume is None and not services:
            continue
        setting = named.get(key, settings.State())
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
        )


# --- folders --------------------------------------------------------------------------------


def state_folders(
    model: Model, folder: Path, named: Mapping[str, settings.State]
) -> dict[Path, str]:
    """The folders of ``model`` that hold state, by real path, with what an instance calls its own
    in their place: a path below its folder for state."""
    homes = homes_of(model, folder.resolve())
    there = _found_folders(model, folder.resolve(), named, None, [])
    asked = by_path(homes, named, None)
    return {
        place: str(place.relative_to(home))
        for path in (*there, *asked)
        if (home := home_of(place := Path(path), homes)) is not None
        and not (path in asked and named[asked[path]].shared)
    }


def _folders(
    model: Model,
    folder: Path,
    named: Mapping[str, settings.State],
    own: Path | None,
    warnings: list[str],
) -> Iterator[State]:
    yield from _outermost(_found_folders(model, folder, named, own, warnings), warnings)


def homes_of(model: Model, folder: Path) -> tuple[Path, Path]:
    return model.directory.resolve(), folder


def home_of(place: Path, homes: Sequence[Path]) -> Path | None:
    return next((one for one in homes if one in place.parents), None)


def by_path(
    homes: Sequence[Path], named: Mapping[str, settings.State], own: Path | None
) -> dict[str, str]:
    """The names that the settings give to paths, and to those that an instance has in their
    place."""
    known = {
        os.path.realpath(home / (setting.path or name)): name
        for home in reversed(homes)
        for name, setting in named.items()
    }
    if own is None:
        return known
    there = {path: home_of(Path(path), homes) for path in known}
    return known | {
        str(own / Path(path).relative_to(home)): known[path]
        for path, home in there.items()
        if home is not None
    }


def _found_folders(
    model: Model,
    folder: Path,
    named: Mapping[str, settings.State],
    own: Path | None,
    warnings: list[str],
) -> dict[str, State]:
    own = own and own.resolve()
    homes = homes_of(model, folder)
    names = by_path(homes, named, own)
    found: dict[str, State] = {}
    for path, mounts in sorted(mounts_of(model, "bind").items()):
        place = Path(path)
        home = own if own and own in place.parents else home_of(place, homes)
        services, written = use(mounts)
        if home is None or not written or (place.exists() and not place.is_dir()):
            continue
        relative = str(place.relative_to(home))
        name = names.get(path, relative)
        why = _why_no_state(place, home, model, folder, named=path in names or home == own)
        if why:
            if path in names:
                warnings.append(f"{relative} is no state although the settings name it: {why}")
            continue
        setting = named.get(name, settings.State())
        found[path] = State(
            name=name,
            kind="folder",
            source=relative,
            place=path,
            services=services,
            group=setting.group,
            cache=setting.cache,
            description=setting.description,
            exists=place.is_dir(),
        )
    return found


def _why_no_state(place: Path, home: Path, model: Model, folder: Path, *, named: bool) -> str:
    return holds_project(place, model, folder) or why_no_state(place, project=home, named=named)


def _outermost(found: Mapping[str, State], warnings: list[str]) -> Iterator[State]:
    """Without the folders that lie in another one: they go with it."""
    outer: dict[str, State] = {}
    for path, one in sorted(found.items()):
        around = next((place for place in outer if path.startswith(f"{place}/")), None)
        if around is None:
            outer[path] = one
            continue
        services = (*outer[around].services, *one.services)
        outer[around] = replace(outer[around], services=tuple(dict.fromkeys(services)))
        warnings.append(f"{one.name} lies in {outer[around].name} and goes with it")
    yield from outer.values()


def holds_project(place: Path, model: Model, folder: Path) -> str:
    """Why a folder is too much to be state: the project itself lies in it."""
    inner = (model.directory.resolve(), folder, *(path.resolve() for path in model.files))
    if any(place == path or place in path.parents for path in inner):
        return "the project itself lies in it"
    return ""


# --- mounts ---------------------------------------------------------------------------------


def mounts_of(model: Model, kind: str) -> dict[str, list[tuple[str, Mount]]]:
    """The mounts of a kind with their services, by volume key or real path."""
    found: dict[str, list[tuple[str, Mount]]] = {}
    for name, service in model.services.items():
        for mount in service.mounts:
            if mount.type == kind and mount.source:
                key = os.path.realpath(mount.source) if kind == "bind" else mount.source
                found.setdefault(key, []).append((name, mount))
    return found


def use(mounts: Sequence[tuple[str, Mount]]) -> tuple[tuple[str, ...], bool]:
    """The services of some mounts, and whether any of them may write."""
    names = tuple(dict.fromkeys(name for name, _ in mounts))
    return names, any(not mount.read_only for _, mount in mounts)
