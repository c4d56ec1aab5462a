"""Find out which files the host of a remote engine has, by creating containers that are never
started: an engine answers no other question about its host's files.

An engine refuses a mount in long form whose source does not exist, and creates nothing in its place
(docs.docker.com, "Bind mounts": `--mount` and `-v`).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import APIClient

LABEL = "composetasks.look"
"""The label of the containers that are created for this; also the prefix of their image's name."""
PLACE = "/sent"
"""Where a volume is mounted for reading and writing."""
REFUSED = "bind source path does not exist: "


@contextlib.contextmanager
def empty_image(client: APIClient, repository: str) -> Iterator[str]:
    """Provide an empty image for the duration of the block."""
    client.import_image_from_data(bytes(1024), repository=repository)
    try:
        yield f"{repository}:latest"
    finally:
        client.remove_image(f"{repository}:latest", force=True)


@contextlib.contextmanager
def with_volume(client: APIClient, volume: str) -> Iterator[str]:
    """Provide a container that is never started, with a volume at :data:`PLACE`, whose content can
    be read and written for the duration of the block."""
    mount = {"Type": "volume", "Source": volume, "Target": PLACE, "VolumeOptions": {"NoCopy": True}}
    config = {"Image": "", "Cmd": ["-"], "Labels": {LABEL: ""}, "HostConfig": {"Mounts": [mount]}}
    untyped: Any = client
    with empty_image(client, f"{LABEL}-{secrets.token_hex(4)}") as image:
        container = untyped.create_container_from_config({**config, "Image": image})["Id"]
        try:
            yield container
        finally:
            untyped.remove_container(container, force=True)


def missing(client: APIClient, paths: Iterable[str]) -> frozenset[str]:
    """Return those of ``paths`` (absolute) that the engine's host does not have."""
    left = sorted(set(paths))
    absent: set[str] = set()
    if not left:
        return frozenset()
    with empty_image(client, f"{LABEL}-{secrets.token_hex(4)}") as image:
        while left and (path := _first_missing(client, image, left)) in left:
            absent.add(path)
            left.remove(path)
    return frozenset(absent)


def _first_missing(client: APIClient, image: str, paths: list[str]) -> str:
    """Return the first path for which a container's mounts fail; "" if none fails."""
    from docker import errors

    mounts = [
        {"Type": "bind", "Source": path, "Target": f"/{number}", "ReadOnly": True}
        for number, path in enumerate(paths)
    ]
    untyped: Any = client
    config = {"Image": image, "Cmd": ["-"], "Labels": {LABEL: ""}, "HostConfig": {"Mounts": mounts}}
    try:
        container = untyped.create_container_from_config(config)
    except errors.APIError as error:
        return str(error.explanation or "").partition(REFUSED)[2].strip()
    untyped.remove_container(container["Id"], force=True)
    return ""
