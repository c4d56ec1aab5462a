"""Looks for programs in the services' images without starting anything: in a container of the
service with the current image, or else in one that is created, inspected and removed."""

from __future__ import annotations

import contextlib
import posixpath
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composetasks.apply.doctor.container import LABEL, Containers
from composetasks.facts import Service, World
from composetasks.facts.paths import within

if TYPE_CHECKING:
    from docker import APIClient

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The engine's default for images that set none."""


def lacking(
    client: APIClient, world: World, wanted: Mapping[str, Sequence[str]], containers: Containers
) -> dict[str, str]:
    """The services that lack one of their ``wanted`` programs, with the first that each lacks.
    Paths below mounts count as present, and images that the engine lacks are skipped."""
    from docker import errors

    without = {}
    for name, programs in wanted.items():
        service = world.model.services[name]
        with contextlib.suppress(errors.NotFound), contextlib.ExitStack() as stack:
            key = _own(world, service)
            mounts = [] if key else [mount.target for mount in service.mounts]
            if key is None and world.engine.image(service.image) is None:
                continue
            key = key or stack.enter_context(_created(client, world, service, containers))
            place = _FileSystem(client, key, service, mounts)
            missing = next((one for one in programs if not place.has(one)), None)
            if missing:
                without[name] = missing
    return without


def _own(world: World, service: Service) -> str | None:
    """The id of a container of the service that was created from the current image."""
    image = world.engine.image(service.image)
    replicas = world.replicas(service.name) if image else ()
    return next((one.id for one in replicas if image and one.image_id == image.id), None)


@contextlib.contextmanager
def _created(
    client: APIClient, world: World, service: Service, containers: Containers
) -> Iterator[str]:
    untyped: Any = client
    project = world.model.project
    container = untyped.create_container(
        service.image,
        command=["true"],
        name=f"{project}-doctor-{secrets.token_hex(4)}",
        labels={LABEL: project},
        host_config=untyped.create_host_config(network_mode="none"),
    )
    with containers.removed_after(client, str(container["Id"])):
        yield str(container["Id"])


class _FileSystem:
    """The file system of a container; the content below ``mounts`` is unknown."""

    def __init__(
        self, client: APIClient, key: str, service: Service, mounts: Sequence[str]
    ) -> None:
        self._client, self._key, self._mounts = client, key, mounts
        config: Mapping[str, Any] = client.inspect_container(key).get("Config") or {}
        environment = dict(one.partition("=")[::2] for one in config.get("Env") or ())
        environment.update(service.config.get("environment") or {})
        self._path = str(environment.get("PATH") or DEFAULT_PATH)
        folder = service.config.get("working_dir") or config.get("WorkingDir") or "/"
        self._folder = str(folder)

    def has(self, program: str) -> bool:
        """Whether the program exists, or may exist."""
        if "/" in program:
            return self._exists(posixpath.join(self._folder, program))
        return any(self._exists(posixpath.join(one, program)) for one in self._path.split(":"))

    def _exists(self, path: str) -> bool:
        if any(within(path, one) for one in self._mounts):
            return True
        # The SDK's method for this would download the file.
        url = f"{self._client.base_url}/containers/{self._key}/archive"
        with self._client.head(url, params={"path": path}, timeout=self._client.timeout) as answer:
            return answer.status_code != 404
