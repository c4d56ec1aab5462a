"""What the files that a job mounts hold, as digests: its work is due again when they change.

Looked at are the folders and files of the project that are mounted into it, and the single files
of secrets and configs. Not a folder that another service writes to as well, unless the project or
what an image is built from lies in it: that is state, and no input.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from composetasks.facts import Model, Mount, Service
from composetasks.observe.images.ignore import Ignore
from composetasks.observe.images.listings import Listings, Unreadable
from composetasks.observe.images.needs import Modes
from composetasks.observe.images.selection import Root
from composetasks.observe.images.tree import memory_of, read_files
from composetasks.run import file_systems

OWN = (".composetasks", "**/.git", "**/__pycache__")
"""What tools write beside the code they run."""
MISSING = "missing"


def mounted_digests(
    model: Model, services: Iterable[str], cache: Path
) -> dict[str, dict[str, str]]:
    """By service, the digests of what it mounts, by source; of an inline config by its path."""
    listings = Listings()
    return {
        name: {
            **_sources(model, model.services[name], cache, listings),
            **model.services[name].inline,
        }
        for name in services
    }


def _sources(model: Model, service: Service, cache: Path, listings: Listings) -> dict[str, str]:
    binds = [one for one in service.mounts if one.type == "bind" and one.source]
    inputs = [one for one in binds if not _is_state(model, service, one)]
    found = {}
    for source in sorted({*(one.source for one in inputs), *service.needs}):
        # One that does not answer keeps the service from a start anyway.
        silent = file_systems.silent(source)
        if not silent and (_is_file(source) or _in_project(model, source)):
            memory = memory_of(cache, service.name, f"mount {source}")
            without = tuple(dict.fromkeys(_inner_state(model, source)))
            found[source] = _digest(Path(source), without, memory, listings)
    return {source: digest for source, digest in found.items() if digest}


def _digest(source: Path, without: Sequence[str], memory: Path, listings: Listings) -> str:
    if not source.exists():
        return MISSING
    if source.is_dir():
        folder, root = source, Root("", True, "", Modes.ALL)
    else:
        # A file is followed as the engine follows it.
        real = source.resolve()
        folder, root = real.parent, Root(real.name, False, "", Modes.ALL)
    ignore = Ignore([*OWN, *without] if root.is_folder else [])
    try:
        return read_files(str(folder), (root,), {}, ignore, memory, listings).digest
    except Unreadable:
        return ""


def _is_file(source: str) -> bool:
    return not os.path.isdir(source)


def _in_project(model: Model, source: str) -> bool:
    """Whether a folder lies in the project's, or beside it: what else is mounted is a machine's."""
    home = model.directory.parent
    return home != Path(home.anchor) and home in (Path(source), *Path(source).parents)


def _is_state(model: Model, service: Service, mount: Mount) -> bool:
    written = (
        other.type == "bind" and other.source == mount.source and not other.read_only
        for one in model.services.values()
        if one.name != service.name
        for other in one.mounts
    )
    return any(written) and not _holds_code(model, Path(mount.source))


def _holds_code(model: Model, folder: Path) -> bool:
    contexts = (Path(one.build.context) for one in model.services.values() if one.build)
    return any(folder in (place, *place.parents) for place in (*model.files, *contexts))


def _inner_state(model: Model, source: str) -> Iterator[str]:
    """Patterns of the folders below a source that hold state."""
    for service in model.services.values():
        for mount in service.mounts:
            place = Path(mount.source)
            if mount.type != "bind" or mount.read_only or Path(source) not in place.parents:
                continue
            if not _holds_code(model, place):
                yield os.path.relpath(mount.source, source)
