"""The objects of the engine: containers, images, networks and volumes."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

from composetasks.facts.frozen import frozen
from composetasks.facts.references import DIGEST_TAG, divided, plain
from composetasks.facts.units import whole_number

INSTANCE_LABEL = "composetasks.instance"
"""The label on every container, network and volume of an instance: the instance's name."""
OWNER_LABEL = "composetasks.instance.owner"
"""The label next to it if the instance has an owner: the owner process."""
COMPOSE = "com.docker.compose."
"""The prefix of the labels that Compose sets."""
PROJECT = f"{COMPOSE}project"
SERVICE = f"{COMPOSE}service"
NETWORK = f"{COMPOSE}network"
VOLUME = f"{COMPOSE}volume"
CONFIG_HASH = f"{COMPOSE}config-hash"
"""The hash of the configuration that Compose created it from (``docker compose config --hash``)."""
IMAGE = f"{COMPOSE}image"
"""On a container: the id of the image it was created from."""
RUNNING = ("running", "paused", "restarting")
"""The states of a container that has a process."""


class Role(enum.Enum):
    """The role of a container in the Compose project that its labels name."""

    REPLICA = "a container of a service"
    ONE_OFF = "a one-off of `docker compose run`"
    HELPER = "a hook or relay that Compose made for a service"
    STRANGER = "made by hand or by a tool"


def role(labels: Mapping[str, str]) -> Role:
    """Return the role of a container with these labels.

    Images that Compose builds carry its project and service labels, and containers created from
    them inherit these, so these two labels do not show who created a container. Compose puts
    further labels on the containers of its services (its filters: compose/containers.go).
    """
    if not labels.get(PROJECT):
        return Role.STRANGER
    if labels.get(f"{COMPOSE}hook") or labels.get(f"{COMPOSE}relay"):
        return Role.HELPER
    if not labels.get(CONFIG_HASH):
        return Role.STRANGER
    oneoff = labels.get(f"{COMPOSE}oneoff", "").lower()
    if oneoff == "true":
        return Role.ONE_OFF
    return Role.REPLICA if oneoff == "false" and _number(labels) else Role.STRANGER


def listed_name(listed: Mapping[str, Any]) -> str:
    """The name of a container in the engine's list. A linked container also lists its aliases
    ("/web/db"), which are longer than its own name."""
    return min(map(str, listed.get("Names") or ("/",)), key=len).lstrip("/")


def health_check(inspected: Mapping[str, Any]) -> Mapping[str, Any]:
    """The health check in the engine's record of a container or an image; empty if it has none."""
    check: Mapping[str, Any] = (inspected.get("Config") or {}).get("Healthcheck") or {}
    return check if (check.get("Test") or ["NONE"])[0] != "NONE" else {}


def _number(labels: Mapping[str, str]) -> int:
    return whole_number(labels.get(f"{COMPOSE}container-number", "")) or 0


def bound_addresses(host_ip: str) -> tuple[str, ...]:
    """The addresses that a port published on ``host_ip`` is bound to: "" means all, of both
    families."""
    return (host_ip,) if host_ip else ("0.0.0.0", "::")


def reached_at(host_ip: str, port: int) -> str:
    """The address to reach a port published on ``host_ip``, which may mean all addresses."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host_ip, host_ip)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@frozen
class Binding:
    """A port that the engine publishes on its host for a container; ``forwarded`` is the address on
    this machine that leads to it, if it is forwarded."""

    host_ip: str
    published: int
    target: int
    protocol: str
    forwarded: str = ""

    @property
    def there(self) -> str:
        """The address of the port for programs on the engine's host."""
        return reached_at(self.host_ip, self.published)


def published_at(containers: Iterable[Container], port: int) -> dict[str, int]:
    """The addresses on the engine's host of a TCP port of containers, with the port numbers; a port
    that is published on all addresses of both IPv4 and IPv6 is listed once."""
    bindings = [
        binding
        for container in containers
        for binding in container.bindings
        if binding.target == port and binding.protocol == "tcp"
    ]
    ipv4 = {one.published for one in bindings if ":" not in one.host_ip}
    return {
        binding.there: binding.published
        for binding in bindings
        if ":" not in binding.host_ip or binding.published not in ipv4
    }


@frozen
class Container:
    """A container as the engine lists it. ``state`` is created, running, paused, restarting,
    removing, exited or dead; ``health`` is starting, healthy, unhealthy, or "" without a health
    check. ``networks`` maps network names to ids, ``addresses`` network ids to the addresses (IPv4,
    IPv6) of the running container; ``volumes`` maps destinations to volume names; ``binds`` are the
    sources of its bind mounts; ``status`` is the engine's own sentence ("Up 3 minutes (healthy)");
    ``since`` is when it entered its state ("" if that was not requested); ``copied``: its image is
    a commit of another container, whose labels it inherited; ``asked_hash`` is the hash that
    ``config --hash`` reported for its model, if its label differs from that."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    status: str = ""
    created: int = 0
    since: str = ""
    health: str = ""
    exit_code: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    copied: bool = False
    networks: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    binds: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    asked_hash: str = ""

    def _label(self, name: str) -> str:
        """The value of a Compose label; "" if Compose did not create this container."""
        return "" if self.role is Role.STRANGER else self.labels.get(f"{COMPOSE}{name}", "")

    @cached_property
    def role(self) -> Role:
        return Role.STRANGER if self.copied else role(self.labels)

    @property
    def replica(self) -> bool:
        """Whether it is one of the containers that Compose counts as the service's own."""
        return self.role is Role.REPLICA

    @property
    def project(self) -> str:
        """The project it belongs to; "" for a stranger, even one with inherited labels."""
        return self._label("project")

    @property
    def service(self) -> str:
        return self._label("service")

    def mistaken_for(self, project: str) -> str:
        """The service of ``project`` that Compose, by labels alone, mistakes this stranger for."""
        labels = self.labels
        counted = (
            self.role is Role.STRANGER
            and labels.get(PROJECT) == project
            and CONFIG_HASH in labels
            and labels.get(f"{COMPOSE}oneoff", "False") == "False"
        )
        return labels.get(SERVICE, "") if counted else ""

    @property
    def number(self) -> int:
        """The replica's number, from 1; 0 if it is not a replica."""
        return _number(self.labels) if self.replica else 0

    @property
    def config_hash(self) -> str:
        return self.asked_hash or self._label("config-hash")

    @property
    def compose_image_id(self) -> str:
        """The id of its image from Compose's label, which Compose compares; else the engine's image
        id."""
        return self.labels.get(IMAGE) or self.image_id

    @property
    def working_dir(self) -> str:
        return self._label("project.working_dir")

    @property
    def config_files(self) -> tuple[str, ...]:
        named = self._label("project.config_files").split(",")
        # "-" is a compose file that Compose read from its standard input.
        return tuple(part for part in named if part not in ("", "-"))

    @property
    def running(self) -> bool:
        """Whether it has a process: running, paused or restarting."""
        return self.state in RUNNING

    @property
    def exited(self) -> str:
        """How it exited, as part of a sentence; "" if it has not, or if that is not known."""
        if self.state != "exited" or self.exit_code is None:
            return ""
        return f"exited with code {self.exit_code}"


def replicas_of(
    containers: Iterable[Container], project: str, service: str = ""
) -> tuple[Container, ...]:
    """The replicas of a project, or of one of its services, ordered by number."""
    replicas = [
        container
        for container in containers
        if container.replica
        and container.project == project
        and (not service or container.service == service)
    ]
    return tuple(sorted(replicas, key=lambda container: (container.number, container.created)))


@frozen
class Image:
    """An image of the engine. ``tags`` are its full references, ``digests`` its names in registries
    (``repository@sha256:...``), ``lost_tags`` the digest tags that are recorded for it and that it
    has no longer."""

    id: str
    tags: tuple[str, ...]
    created: int = 0
    size: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    digests: tuple[str, ...] = ()
    lost_tags: tuple[str, ...] = ()

    @property
    def inputs_digests(self) -> tuple[str, ...]:
        """The digests of the build inputs that this library built it from."""
        digests = map(DIGEST_TAG.match, (*self.tags, *self.lost_tags))
        return tuple(dict.fromkeys(match["digest"] for match in digests if match))


@frozen
class Network:
    """A network of the engine. ``reserved`` are the addresses that no container can have, including
    its gateways."""

    id: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    driver: str = ""
    subnets: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        """The project that Compose created it for; "" if somebody else put Compose's label on
        it."""
        by_compose = {NETWORK, f"{COMPOSE}relay-network"}.intersection(self.labels)
        return self.labels.get(PROJECT, "") if by_compose else ""


@frozen
class Volume:
    """A volume of the engine; ``options`` are its driver's options, which may hold a password."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def bind_device(options: Mapping[str, str]) -> str:
    """The folder or block device of the engine's host that a local volume's options mount; "" if
    there is none (a tmpfs, a network share)."""
    device = options.get("device", "")
    bound = {"bind", "rbind"} & set(options.get("o", "").split(","))
    return device if bound or device.startswith("/dev/") else ""


@frozen
class Engine:
    """The objects of the engine; each kind is read in one round trip."""

    containers: tuple[Container, ...] = ()
    images: tuple[Image, ...] = ()
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()

    def built_from(self, digest: str) -> Image | None:
        """An image that was built from the inputs with this digest, first one with its tag."""
        built = [image for image in self.images if digest in image.inputs_digests]
        tag = f":ct-{digest}"
        lost = {image.id for image in built if not any(one.endswith(tag) for one in image.tags)}
        return min(built, key=lambda image: image.id in lost, default=None)

    def image(self, reference: str) -> Image | None:
        """The image with this id or reference; parts of a reference that have defaults may be
        missing."""
        name, _, digest = divided(wanted := plain(reference))
        for image in self.images:
            if digest:
                matches = f"{name}@{digest}" in map(plain, image.digests)
            else:
                matches = reference == image.id or wanted in map(plain, image.tags)
            if matches:
                return image
        return None
