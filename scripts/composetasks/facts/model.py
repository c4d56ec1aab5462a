"""The Compose model: services with their dependencies, mounts, ports and builds."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from composetasks.facts import units
from composetasks.facts.frozen import frozen
from composetasks.facts.references import plain

OLDEST_COMPOSE = (2, 40)
"""The oldest Compose that the tests run with (``nox -s composes``). Builds need ``build --print``,
which came with 2.35; Debian ships 2.40."""
STARTED, HEALTHY = "service_started", "service_healthy"
COMPLETED = "service_completed_successfully"
"""What a dependency may have to be before its dependents start."""
NAMESPACES = ("network_mode", "ipc", "pid")
"""The fields of a service whose value may be ``service:NAME``: it shares that service's
container."""


@frozen
class Port:
    """One entry of a service's ``ports``. ``published`` is None for an ephemeral port, and
    (first, last) otherwise; ``host_ip`` is "" for every address of the host."""

    target: int
    published: tuple[int, int] | None
    host_ip: str
    protocol: str

    @property
    def numbers(self) -> range:
        """The numbers on the host that it may be published on; none for an ephemeral port."""
        return range(self.published[0], self.published[1] + 1) if self.published else range(0)


@frozen
class Dependency:
    """One entry of ``depends_on``."""

    service: str
    condition: str = STARTED
    restart: bool = False
    required: bool = True


@frozen
class Mount:
    """One entry of a service's ``volumes``. ``source`` is the key of a volume of the model, an
    absolute path for a bind mount, or "" for an anonymous volume."""

    type: str
    source: str
    target: str
    read_only: bool = False


@frozen
class Build:
    """A service's ``build`` section, as Compose resolves it.

    ``context`` is an absolute path or a URL; ``dockerfile`` (``Dockerfile`` by default) is relative
    to it unless absolute; ``definition`` is the whole section, for the keys without a field here.
    """

    context: str
    dockerfile: str
    definition: Mapping[str, Any]

    @property
    def dockerfile_path(self) -> str:
        """The path of the Dockerfile, if the context is a folder."""
        return posixpath.join(self.context, self.dockerfile)

    @property
    def tags(self) -> tuple[str, ...]:
        """The additional tags of the image, besides the service's ``image``."""
        return tuple(str(tag) for tag in self.definition.get("tags") or ())

    @property
    def pull(self) -> bool:
        """Whether the base images are pulled before the build."""
        return bool(self.definition.get("pull"))

    @property
    def no_cache(self) -> bool:
        return bool(self.definition.get("no_cache"))


@frozen
class Service:
    """A service of the model. ``image`` is the tag its containers are created from, whether it is
    pulled or built. ``config_hash`` is Compose's own (``docker compose config --hash``). ``inline``
    maps the paths of configs whose content is in the model to the content's digest; ``needs`` are
    the host's files and folders that must exist, since nothing creates them."""

    name: str
    image: str
    config_hash: str
    container_names: tuple[str, ...]
    config: Mapping[str, Any]
    build: Build | None = None
    ports: tuple[Port, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    mounts: tuple[Mount, ...] = ()
    networks: tuple[str, ...] = ()
    restart: str = "no"
    has_healthcheck: bool = False
    inline: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    @property
    def mounted_images(self) -> tuple[str, ...]:
        """The images that it mounts (``type: image``)."""
        return tuple(mount.source for mount in self.mounts if mount.type == "image")

    @property
    def profiles(self) -> frozenset[str]:
        return frozenset(map(str, self.config.get("profiles") or ()))

    @property
    def provider(self) -> str:
        """The type of the provider, a program that Compose runs in place of an image and a
        container; "" if the service has none."""
        return str((self.config.get("provider") or {}).get("type") or "")

    @property
    def provided(self) -> bool:
        return bool(self.config.get("provider"))

    @property
    def pulled_every(self) -> float | None:
        """The seconds after which its ``pull_policy`` has its image pulled again; None for never
        (compose-go, ServiceConfig.GetPullPolicy: ``refresh`` has no period)."""
        policy = str(self.config.get("pull_policy") or "")
        periods = {"refresh": "0s", "daily": "1d", "weekly": "1w"}
        period = periods.get(policy) or policy.removeprefix("every_")
        return None if period == policy else units.seconds(period)

    @property
    def replicas(self) -> int:
        return len(self.container_names)


BUILT_IN = ("", "bridge", "host", "ipvlan", "local", "macvlan", "none", "null", "overlay")
"""The drivers of networks and volumes that every engine has; "" is its default."""


@frozen
class Resource:
    """A network or volume of the model: its key there and its name on the engine. ``config_hash``
    is the hash in Compose's label on the created object ("" if unknown)."""

    key: str
    name: str
    external: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    config_hash: str = ""

    @property
    def plugin(self) -> str:
        """The driver if it is not one of the engine's own, otherwise ""."""
        driver = str(self.config.get("driver") or "").removesuffix(":latest")
        return "" if self.external or driver in BUILT_IN else driver


@frozen
class Model:
    """The Compose model with its active services in dependency order (dependencies first).
    ``directory`` is Compose's project directory, ``files`` its compose files. ``inactive`` are
    services that only a profile would start (without their ``env_file``'s variables and their
    hashes). ``faults`` says, in Compose's words, what prevents it from starting a service, and
    ``cures`` the remedy for some of these; ``content_files`` are the files of configs and secrets,
    by kind and key; ``separator`` joins the parts of names. ``secret_files`` and
    ``secret_variables`` are the sources of its ``secrets:``; ``literal_secrets``: the model's own
    text holds more secrets."""

    project: str
    directory: Path
    files: tuple[Path, ...]
    services: Mapping[str, Service]
    networks: Mapping[str, Resource] = field(default_factory=dict)
    volumes: Mapping[str, Resource] = field(default_factory=dict)
    instance: str | None = None
    inactive: Mapping[str, Service] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    cures: Mapping[str, str] = field(default_factory=dict)
    separator: str = "-"
    warnings: tuple[str, ...] = ()
    content_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secret_files: tuple[str, ...] = ()
    secret_variables: tuple[str, ...] = ()
    literal_secrets: bool = False

    def service(self, name: str) -> Service:
        """Return a service, active or not (a service can be built upon an inactive one). Raises
        KeyError."""
        return self.services[name] if name in self.services else self.inactive[name]

    def published(self) -> Iterator[tuple[str, int, str]]:
        """The address, number and protocol of each port that may be published."""
        for service in self.services.values():
            for port in service.ports:
                for number in port.numbers:
                    yield port.host_ip, number, port.protocol

    def providers_of(self, name: str) -> tuple[str, ...]:
        """The dependencies of a service that a provider creates."""
        needed = (one.service for one in self.services[name].depends_on)
        return tuple(one for one in needed if one in self.services and self.services[one].provided)

    def with_dependencies(self, names: Iterable[str]) -> tuple[str, ...]:
        """The named services (all if none is named) and their direct and indirect dependencies, in
        the model's order."""
        wanted: set[str] = set()
        todo = list(names) or list(self.services)
        while todo:
            name = todo.pop()
            if name in wanted or name not in self.services:
                continue
            wanted.add(name)
            todo += [dependency.service for dependency in self.services[name].depends_on]
        return tuple(name for name in self.services if name in wanted)

    def narrowed(self, names: Collection[str]) -> Model:
        """The model in which only ``names`` are active, with only the networks and volumes that
        they use, as Compose resolves a model whose other services are inactive."""
        active = {name: one for name, one in self.services.items() if name in names}
        others = {name: one for name, one in self.services.items() if name not in names}
        networks = {name for one in active.values() for name in one.networks}
        volumes = {mount.source for one in active.values() for mount in one.mounts}
        return replace(
            self,
            services=active,
            inactive={**self.inactive, **others},
            networks={key: one for key, one in self.networks.items() if key in networks},
            volumes={key: one for key, one in self.volumes.items() if key in volumes},
        )

    def widened(self, names: Collection[str]) -> Model:
        """The model in which the inactive services among ``names`` are active too."""
        more = {name: one for name, one in self.inactive.items() if name in names}
        others = {name: one for name, one in self.inactive.items() if name not in names}
        return replace(self, services={**self.services, **more}, inactive=others)

    @property
    def images(self) -> frozenset[str]:
        """The references of all images that its active services run, mount or build."""
        services = self.services.values()
        tags = (tag for one in services if one.build for tag in one.build.tags)
        mounted = (image for one in services for image in one.mounted_images)
        return frozenset((*(one.image for one in services if one.image), *mounted, *tags))

    def builders(self) -> dict[str, str]:
        """Maps all plain names of each built image to the service that builds it: the first service
        with that ``image``, otherwise the first that has it among its ``build.tags``."""
        building = [(one.name, one.image, one.build) for one in self.services.values() if one.build]
        builders: dict[str, str] = {}
        for name, image, _ in building:
            builders.setdefault(plain(image), name)
        for name, _, build in building:
            for tag in build.tags:
                builders.setdefault(plain(tag), name)
        return builders

    def awaits_end_of(self, name: str) -> bool:
        """Whether some service waits for this one to complete
        (``service_completed_successfully``)."""
        return any(
            dependency.service == name and dependency.condition == COMPLETED
            for other in self.services.values()
            for dependency in other.depends_on
        )


@frozen
class StackCheck:
    """One of the stack's own end-to-end checks: ``command`` runs in ``service``'s container."""

    name: str
    service: str
    command: tuple[str, ...]
