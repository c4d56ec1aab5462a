"""Bind mounts of a remote engine: their sources on this machine, and what was sent of them. A
volume there has a folder for each source and, for each, a list of what was sent last."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import SENT, ExitCode, Model, Sent, World
from composetasks.observe.compose.contents import digest
from composetasks.observe.engine.host_files import PLACE, with_volume
from composetasks.observe.images.listings import Listings, Unreadable
from composetasks.observe.images.tree import cache_file
from composetasks.observe.start.jobs import inner_state, read_source
from composetasks.run import file_systems
from composetasks.run.failure import TaskFailure
from composetasks.store import container_configs

if TYPE_CHECKING:
    from docker import APIClient

SUBPATHS = (1, 45)
"""The first API version with ``subpath`` for mounts (Docker Engine 26)."""
LISTS = "lists"
"""The folder of the volume with the lists of what was sent."""


def can_be_sent(source: str) -> bool:
    """Tell whether a source is a folder or a regular file that answers: sockets, pipes and devices
    mean nothing on another host. A file is mounted there by its name, which must be text."""
    return (
        not source.startswith(("/dev/", "/proc/", "/sys/"))
        and not file_systems.silent(source)
        and (os.path.isdir(source) or (os.path.isfile(source) and _is_text(source)))
    )


def _is_text(source: str) -> bool:
    try:
        os.path.basename(os.path.realpath(source)).encode()
    except UnicodeEncodeError:
        return False
    return True


def key_of(source: str) -> str:
    """Return the name of a source's folder in the volume."""
    return hashlib.sha256(os.fsencode(source)).hexdigest()[:12]


def file_digests(model: Model, sources: Iterable[str], cache: Path) -> dict[str, str]:
    """Return the digests of single files, for labels: recomputed for changed files, keyed for
    secrets. Unreadable files have none: a start reports them, other tasks ignore them."""
    secrets = set(model.content_files.get("secrets", {}).values())
    listings, digests = Listings(), {}
    for source in sources:
        try:
            files = read_source(Path(source), (), cache_file(cache, SENT, source), listings)[1]
        except Unreadable:
            continue
        digests[source] = (
            digest(files.digest.encode(), container_configs.digest_key(cache))
            if source in secrets
            else files.digest[:24]
        )
    return digests


def check_subpaths(client: APIClient) -> None:
    """Raise TaskFailure, code 6, if the engine can't mount a folder or file of a volume."""
    versions = client.version()
    if tuple(map(int, str(versions.get("ApiVersion")).split("."))) < SUBPATHS:
        raise TaskFailure(
            f"the engine ({versions.get('Version')}) can't mount a volume subpath, which "
            "`stack.remote.mounts: send` needs",
            code=ExitCode.INVALID,
            hint="use Docker Engine 26 or newer, or copy the files into the image (COPY)",
        )


def sent_before(world: World, client: APIClient) -> list[str]:
    """Return the bind mounts' sources that were sent before, if their list here is lost."""
    there = _lists(world, client)
    mounts = (one for service in world.model.services.values() for one in service.mounts)
    sources = sorted({one.source for one in mounts if one.type == "bind"})
    return [one for one in sources if key_of(one) in there and can_be_sent(one)]


def observe_sent(
    world: World, sources: Iterable[str], client: APIClient, cache: Path
) -> dict[str, Sent]:
    """Return those of ``sources`` that the model mounts. Raises TaskFailure, code 6, if one of them
    can't be read."""
    mounted: dict[str, list[str]] = {}
    for name, service in world.model.services.items():
        for entry in service.config.get("volumes") or ():
            if entry.get("source") == SENT:
                subpath = str((entry.get("volume") or {}).get("subpath"))
                mounted.setdefault(subpath.split("/")[0], []).append(name)
    used = {source: users for source in sources if (users := mounted.get(key_of(source)))}
    there = _lists(world, client) if used else {}
    listings = Listings()
    return {
        source: _sent(world, source, users, there.get(key_of(source), {}), cache, listings)
        for source, users in used.items()
    }


def _sent(
    world: World,
    source: str,
    users: Iterable[str],
    there: Mapping[str, str],
    cache: Path,
    listings: Listings,
) -> Sent:
    entry = cache_file(cache, SENT, source)
    try:
        root, files = read_source(Path(source), inner_state(world.model, source), entry, listings)
    except Unreadable as error:
        raise TaskFailure(
            f"{error.path}, which has to be sent to the engine's host, can't be read: {error.why}",
            code=ExitCode.INVALID,
            hint=f"correct that, or remove the mount of {source}",
        ) from error
    digests = {path: text for path, text in files.entries().items() if text[0] in "dfl"}
    sizes = {
        path: os.lstat(root / path).st_size
        for path, text in digests.items()
        if text != there.get(path) and text[0] == "f" and os.path.lexists(root / path)
    }
    return Sent(key_of(source), str(root), tuple(dict.fromkeys(users)), digests, there, sizes)


def _lists(world: World, client: APIClient) -> dict[str, dict[str, str]]:
    """Return what was sent, by folder of the volume."""
    from docker import errors

    resource = world.model.volumes.get(SENT)
    volume = resource.name if resource else f"{world.model.project}_{SENT}"
    if all(one.name != volume for one in world.engine.volumes):
        return {}
    with with_volume(client, volume) as container:
        try:
            chunks, _ = client.get_archive(container, f"{PLACE}/{LISTS}")
        except errors.NotFound:
            return {}
        content = io.BytesIO(b"".join(chunks))
    with tarfile.open(fileobj=content) as archive:
        return {
            Path(entry.name).stem: listed(file.read())
            for entry in archive
            if (file := archive.extractfile(entry))
        }


def listed(content: bytes) -> dict[str, str]:
    """Return a list of what was sent; empty if it was truncated when the engine died or its disk
    was full."""
    try:
        loaded = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
