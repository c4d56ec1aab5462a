"""The files, folders and devices of the engine's host that the model's containers use: which of
them are missing, and which folders are empty."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import Engine, Model, Volume, bind_device
from composetasks.facts.paths import of_the_machine
from composetasks.observe.engine import host_files
from composetasks.run import file_systems

if TYPE_CHECKING:
    from docker import APIClient

IN_A_CONTAINER = ("/.dockerenv", "/run/.containerenv")


def missing_sources(model: Model, volumes: Iterable[Volume], client: APIClient) -> frozenset[str]:
    """Return the sources of bind mounts, devices of services and volumes, and files of secrets and
    configs that do not exist."""
    silent = silent_sources(model)
    missing = {path for path in _named(model, volumes) if path not in silent and not _there(path)}
    if not missing or str(client.info().get("Name")) == os.uname().nodename:
        return frozenset(missing)
    if any(os.path.exists(mark) for mark in IN_A_CONTAINER):
        return frozenset()  # the engine's host has other files than this container
    # An engine in a virtual machine sees other folders of this host, but not these.
    return frozenset(path for path in missing if not of_the_machine(path))


def missing_away(
    model: Model, engine: Engine, client: APIClient
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the sources that the host of a remote engine lacks, and those of them that exist here
    with content. Sources that containers of the model already mount are not checked."""
    containers = (one for one in engine.containers if one.project == model.project)
    mounted = {path for one in containers for path in one.binds}
    wanted = {path for path in _named(model, engine.volumes) if path.startswith("/")}
    missing = host_files.missing(client, wanted - mounted)
    ours = missing - silent_sources(model).keys()
    return missing, frozenset(path for path in ours if _there(path) and not _is_empty(Path(path)))


def empty_folders(model: Model) -> frozenset[str]:
    """Return the sources of bind mounts that are empty folders."""
    there = _bound(model) - silent_sources(model).keys()
    return frozenset(path for path in there if _is_empty(Path(path)))


def silent_sources(model: Model) -> dict[str, str]:
    """Return the bind mounts' sources whose file systems do not answer, with the mount points."""
    sources = {path: file_systems.silent(path) for path in _bound(model)}
    return {path: point for path, point in sources.items() if point}


def _named(model: Model, volumes: Iterable[Volume]) -> Iterator[str]:
    yield from _bound(model)
    for service in model.services.values():
        yield from service.needs
    names = {resource.name for resource in model.volumes.values()}
    options = [one.options for one in volumes if one.name in names]
    options += [resource.config.get("driver_opts") or {} for resource in model.volumes.values()]
    yield from filter(None, map(bind_device, options))


def _bound(model: Model) -> set[str]:
    return {
        mount.source
        for service in model.services.values()
        for mount in service.mounts
        if mount.type == "bind"
    }


def _there(path: str) -> bool:
    """Tell whether a path exists. A relative path is relative to ``/``, as for the engine."""
    return file_systems.exists(os.path.join("/", path))


def _is_empty(path: Path) -> bool:
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return False
