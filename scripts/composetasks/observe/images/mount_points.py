"""Find the empty folders and files that a start leaves in a folder of this machine.

For ``.:/app`` with a volume at ``/app/node_modules``, the engine makes ``./node_modules`` to mount
the volume on; for ``./logs:/logs``, Compose makes ``./logs``. As long as they are empty, nothing
depends on whether an image or a job has them.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator

from composetasks.facts import Model, Service
from composetasks.run import file_systems
from composetasks.store.build_records import literal


def mount_points(model: Model) -> frozenset[str]:
    """Return the paths on this machine that a start of the model makes if they are missing."""
    return frozenset(path for service in model.services.values() for path in _paths(service))


def empty_ones(points: frozenset[str], folder: str) -> list[str]:
    """Return which of ``points`` below ``folder`` (a real path) are missing or empty, and folders
    that hold nothing else, as patterns of an ignore file. The result is the same before and after
    a start makes them."""
    empty = {path for path in points if _is_below(path, folder) and _is_empty(path)}
    rest = sorted(empty)
    while rest:
        above = os.path.dirname(rest.pop())
        if above not in empty and _is_below(above, folder) and _entries(above) <= empty:
            empty.add(above)
            rest.append(above)
    return [literal(os.path.relpath(path, folder)) for path in sorted(empty)]


def _paths(service: Service) -> Iterator[str]:
    """Yield the folders that are bind mounts' sources, and the paths inside of them that another
    mount of the service is mounted on."""
    binds = {}
    targets = [posixpath.normpath(mount.target) for mount in service.mounts]
    for target, mount in zip(targets, service.mounts, strict=True):
        if mount.type == "bind" and mount.source:
            binds[target] = file_systems.realpath(mount.source)
            if not os.path.isfile(binds[target]):
                yield binds[target]
    tmpfs = service.config.get("tmpfs") or ()
    listed = [tmpfs] if isinstance(tmpfs, str) else tmpfs
    for target in [*targets, *(posixpath.normpath(str(one).partition(":")[0]) for one in listed)]:
        around = max((one for one in targets if _is_below(target, one)), key=len, default="")
        if around in binds:
            yield os.path.join(binds[around], posixpath.relpath(target, around))


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/") and path != folder


def _is_empty(path: str) -> bool:
    """Tell whether a folder or file is missing or empty; False if that is not known."""
    if file_systems.silent(path):
        return False
    try:
        status = os.lstat(path)
        if stat.S_ISREG(status.st_mode):
            return status.st_size == 0
        return stat.S_ISDIR(status.st_mode) and not os.listdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _entries(folder: str) -> set[str]:
    """Return the paths in a folder; none if it is missing."""
    try:
        return {os.path.join(folder, name) for name in os.listdir(folder)}
    except FileNotFoundError:
        return set()
    except OSError:
        return {folder}  # is never one of the empty paths
