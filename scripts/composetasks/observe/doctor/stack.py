"""What the doctor asks the engine about this project: the users of its processes, and builders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Builder, Container, Engine, Model
from composetasks.facts.doctor import BUILDKIT
from composetasks.facts.engine import replicas_of
from composetasks.observe.engine.inventory import inspect_image
from composetasks.run.compose import docker_folder

if TYPE_CHECKING:
    from docker import APIClient


def root_services(
    client: APIClient, model: Model, containers: Iterable[Container]
) -> dict[str, bool | None]:
    """Return whether each service's processes run as root: by the processes if the service runs (a
    program that starts as root and drops privileges is fine), otherwise by the model and the image;
    None if the image is missing."""
    running = {
        container.service: container
        for container in replicas_of(containers, model.project)
        if container.state == "running"
    }
    services: dict[str, bool | None] = {}
    for name, service in model.services.items():
        user = service.config.get("user")
        if name in running:
            services[name] = _all_root(client, running[name].id)
        elif user is not None:
            services[name] = _is_root(str(user))
        else:
            services[name] = _image_root(client, service.image)
    return services


def _all_root(client: APIClient, key: str) -> bool:
    from docker import errors

    untyped: Any = client
    try:
        processes: Mapping[str, Any] = untyped.top(key, ps_args="-eo pid,uid")
    except errors.APIError:
        return False  # it ended meanwhile
    column = processes["Titles"].index("UID")
    users = [row[column] for row in processes.get("Processes") or ()]
    return bool(users) and all(user == "0" for user in users)


def _image_root(client: APIClient, image: str) -> bool | None:
    record = inspect_image(client, image)
    return None if not record else _is_root(str((record.get("Config") or {}).get("User") or ""))


def _is_root(user: str) -> bool:
    return user.partition(":")[0] in ("", "0", "root")


def builders(engine: Engine) -> tuple[Builder, ...]:
    """Return the containers and volumes of Buildx's builders on the engine."""
    containers = [
        Builder("container", container.name, container.state)
        for container in engine.containers
        if container.name.startswith(BUILDKIT)
    ]
    volumes = [
        Builder("volume", volume.name)
        for volume in engine.volumes
        if volume.name.startswith(BUILDKIT)
    ]
    return (*containers, *volumes)


def known_builders(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the names of this user's builders, as stored by Buildx."""
    folder = Path(
        environment.get("BUILDX_CONFIG") or docker_folder(environment) / "buildx", "instances"
    )
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()
