"""What the engine's host has, where that is another machine: asked with containers that are made
and never started, the one question about its files that an engine answers.

A mount in the engine's long form is refused where its source does not exist, and nothing is made
in its place (docs.docker.com, "Bind mounts": `--mount` and `-v`).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import APIClient

LABEL = "composetasks.look"
"""On the containers that are made to look; the name of their image begins so too."""
PLACE = "/sent"
"""Where a volume is mounted to be read and written."""
REFUSED = "bind source path does not exist: "


@contextlib.contextmanager
def empty_image(client: APIClient, repository: str) -> Iterator[str]:
    """An image with nothing in it, for as long as the block lasts."""
    client.import_image_from_data(bytes(1024), repository=repository)
    try:
        yield f"{repository}:latest"
    finally:
        client.remove_image(f"{repository}:latest", force=True)


@contextlib.contextmanager
def with_volume(client: APIClient, volume: str) -> Iterator[str]:
    """A container that is made and never started, with a volume at :data:`PLACE`: what is there can
    be had and put, for as long as the block lasts."""
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
    """Those of ``paths`` (absolute) that the engine's host does not have."""
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
    """The path that a container's mounts fail for; "" for none."""
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
