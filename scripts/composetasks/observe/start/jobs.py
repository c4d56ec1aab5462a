"""Jobs as observed on the engine and on disk: the times of their last runs, which the engine's list
does not contain, and digests of the files that they mount: a job is due again if these change.

The digests cover the project's folders and files that a job mounts, and the files of its secrets
and configs. A folder that another service also writes to is state rather than input, and is left
out unless it contains the project or a build context. Empty folders that a start makes to mount
something on are left out as well.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import Container, Engine, Model, Mount, Service
from composetasks.facts.engine import replicas_of
from composetasks.facts.jobs import Ended, Run, namespaces_of, rests_on, sortable
from composetasks.observe.engine.inventory import inspect_containers
from composetasks.observe.images.ignore import Ignore
from composetasks.observe.images.listings import Listings, Unreadable
from composetasks.observe.images.mount_points import empty_ones, mount_points
from composetasks.observe.images.needs import Modes
from composetasks.observe.images.selection import Root
from composetasks.observe.images.tree import Files, Reader, cache_file
from composetasks.run import file_systems

if TYPE_CHECKING:
    from docker import APIClient


OWN = (".composetasks", "**/.git", "**/__pycache__")
"""Files that tools write beside the code that they run."""
MISSING = "missing"


def mounted_digests(
    model: Model, services: Collection[str], cache: Path
) -> dict[str, dict[str, str]]:
    """Return, by service, the digests of its mounts by source, and of inline configs by path."""
    listings, points = Listings(), mount_points(model) if services else frozenset()
    return {
        name: {
            **_sources(model, model.services[name], points, cache, listings),
            **model.services[name].inline,
        }
        for name in services
    }


def _sources(
    model: Model, service: Service, points: frozenset[str], cache: Path, listings: Listings
) -> dict[str, str]:
    binds = [one for one in service.mounts if one.type == "bind" and one.source]
    inputs = [one for one in binds if not _is_state(model, service, one)]
    sources = {}
    for source in sorted({*(one.source for one in inputs), *service.needs}):
        # A source that does not answer prevents the service's start anyway.
        silent = file_systems.silent(source)
        if not silent and (not os.path.isdir(source) or _in_project(model, source)):
            entry = cache_file(cache, service.name, f"mount {source}")
            made = empty_ones(points, os.path.realpath(source))
            without = (*inner_state(model, source), *made)
            sources[source] = _digest(Path(source), without, entry, listings)
    return {source: digest for source, digest in sources.items() if digest}


def _digest(source: Path, without: Iterable[str], entry: Path, listings: Listings) -> str:
    if not file_systems.exists(source):
        return MISSING
    try:
        return read_source(source, without, entry, listings)[1].digest
    except Unreadable:
        return ""


def read_source(
    source: Path, without: Iterable[str], entry: Path, listings: Listings
) -> tuple[Path, Files]:
    """Return the folder that paths are relative to, and the files of a mount's source except
    ``without`` and our own. The folder is the source itself, or the parent of a source that is a
    file. Links are followed, as by the engine. Raises Unreadable."""
    real = Path(os.path.realpath(source))
    if os.path.isdir(real):
        folder, root = real, Root("", True, "", Modes.ALL)
    else:
        folder, root = real.parent, Root(real.name, False, "", Modes.ALL)
    ignore = Ignore(list(dict.fromkeys((*OWN, *without))) if root.is_folder else [])
    # Unlike BuildKit, a mount does not require names to be text.
    reader = Reader(str(folder), (root,), {}, ignore, entry, listings, "surrogateescape")
    return folder, reader.read()


def _in_project(model: Model, source: str) -> bool:
    """Tell whether a folder is in or beside the project's folder: others are the machine's."""
    home = model.directory.parent
    return home != Path(home.anchor) and Path(source).is_relative_to(home)


def _is_state(model: Model, service: Service, mount: Mount) -> bool:
    written = (
        other.type == "bind" and other.source == mount.source and not other.read_only
        for dependent in model.services.values()
        if dependent.name != service.name
        for other in dependent.mounts
    )
    return any(written) and not _holds_code(model, Path(mount.source))


def _holds_code(model: Model, folder: Path) -> bool:
    contexts = (Path(one.build.context) for one in model.services.values() if one.build)
    return any(place.is_relative_to(folder) for place in (*model.files, *contexts))


def inner_state(model: Model, source: str) -> Iterator[str]:
    """Yield patterns of the folders below a source that contain state."""
    for service in model.services.values():
        for mount in service.mounts:
            place = Path(mount.source)
            if mount.type != "bind" or mount.read_only or Path(source) not in place.parents:
                continue
            if not _holds_code(model, place):
                yield os.path.relpath(mount.source, source)


def job_services(model: Model, engine: Engine, ended: Collection[str]) -> tuple[str, ...]:
    """Return the services whose completion others wait for, and those with a container that is
    known to have exited on its own."""
    seen = {one.service for one in engine.containers if one.id in ended}
    return tuple(name for name in model.services if name in seen or model.awaits_end_of(name))


def observe_runs(
    client: APIClient, model: Model, engine: Engine, ended: Mapping[str, Ended]
) -> dict[str, Run]:
    """Return, by container id, the last runs of jobs that exited with code 0, of the services that
    they depend on, and of services that share another container's namespaces."""
    by_service: dict[str, list[Container]] = {}
    for container in replicas_of(engine.containers, model.project):
        by_service.setdefault(container.service, []).append(container)
    wanted = sorted(set(_wanted(model, by_service, job_services(model, engine, ended))))
    records = inspect_containers(client, wanted)
    return {
        key: Run(*(sortable(str(state.get(when, ""))) for when in ("StartedAt", "FinishedAt")))
        for key, record in records.items()
        if (state := record.get("State"))
    }


def _wanted(
    model: Model, by_service: Mapping[str, list[Container]], jobs: Collection[str]
) -> Iterator[str]:
    for name, service in model.services.items():
        related: tuple[str, ...] = ()
        if name in jobs and any(one.exit_code == 0 for one in by_service.get(name, ())):
            related = rests_on(model, name)
        elif any(one.running for one in by_service.get(name, ())):
            related = namespaces_of(service)
        else:
            continue
        if related or name in jobs:
            for other in (name, *related):
                yield from (one.id for one in by_service.get(other, ()))
