"""Everything that a plan is computed from: the model, the engine, the host, build inputs, state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, field, replace
from enum import Enum
from typing import Any

from composetasks.facts.engine import Container, Engine, Image, Network, Volume, replicas_of
from composetasks.facts.frozen import frozen
from composetasks.facts.jobs import Ended, Run
from composetasks.facts.model import Model, Service
from composetasks.facts.paths import within
from composetasks.facts.plans import Blocker, Plan, Step
from composetasks.facts.state import Snapshot, State, Unkept


@frozen
class PortHolder:
    """A process of the host that listens on a port; pid is None and name "" if the system does not
    reveal the process. ``container`` is the id of the container it runs in, "" if it runs in none;
    ``ipv6_only``: it listens on "::" and leaves IPv4 to others."""

    host_ip: str
    port: int
    protocol: str
    pid: int | None = None
    name: str = ""
    user: str = ""
    container: str = ""
    ipv6_only: bool = False


@frozen
class Hidden:
    """Files that an image contains but no container sees, since each service that runs the image
    mounts the same files there: all files at or below ``places``, except those at or below
    ``seen``."""

    places: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        return any(within(path, place) for place in self.places) and not any(
            within(path, place) for place in self.seen
        )


@frozen
class BuildInputs:
    """Everything that an image is built from, and the digest over it (hex, 24 digits).

    ``files`` maps a path relative to the project's folder (or a named context's ``name:path``) to
    the digest of its content, mode and link; ``options`` maps inputs that are not files
    (``build-arg.NAME``, ``base-image.REF``, ``target`` ...) to their values, with secrets masked.
    ``core`` is the digest without the base images, ``bases`` identifies each base image: an id, a
    registry's digest, another service's inputs digest, or "" if it was never seen here. ``hidden``
    are the files among them whose changes need no build before a start. ``absent`` are the paths
    that the Dockerfile reads from a folder and that do not exist.
    """

    service: str
    digest: str
    files: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    core: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)
    hidden: Hidden = Hidden()
    absent: tuple[str, ...] = ()


@frozen
class Shared:
    """The images of this project in the shared registry.

    ``images`` maps services to the reference of an image that was built from exactly their current
    inputs, ``caches`` to the reference of an image whose layers a build may start from.
    """

    registry: str
    images: Mapping[str, str] = field(default_factory=dict)
    caches: Mapping[str, str] = field(default_factory=dict)

    def repository(self, service: str) -> str:
        """The repository of a service's images. It does not contain the project's name, since other
        checkouts and other people have other project names but the same inputs."""
        return f"{self.registry.rstrip('/')}/{service.lower()}"

    def reference(self, service: str, digest: str) -> str:
        """The reference of the image that was built from the inputs with this digest."""
        return f"{self.repository(service)}:ct-{digest}"

    def cache_reference(self, service: str) -> str:
        """The reference of the image that was pushed last, whose layers a build may start from."""
        return f"{self.repository(service)}:cache"


@frozen
class AbandonedInstance:
    """What remains of an instance whose owner has ended. ``owner`` is the owner's text as in the
    labels; ``place`` is the instance's folder, "" if it is gone or belongs to another instance."""

    instance: str
    project: str
    owner: str
    place: str = ""
    containers: tuple[Container, ...] = ()
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()


@frozen
class InCommon:
    """A resource that ``services`` of an instance would share with other copies of the stack: a
    folder, file, volume, network or address ``name``, and the hint to resolve that."""

    kind: str
    name: str
    services: tuple[str, ...]
    reason: str
    hint: str


MAKER_LABEL = "composetasks.maker."
"""The prefix of the labels that tell an engine of another host who created a project."""


@frozen
class Maker:
    """A person at a machine: the user's name, the machine's name, the real path of the project's
    folder there, and an id that distinguishes machines of the same name."""

    user: str
    host: str
    path: str
    machine: str = ""

    def labels(self) -> dict[str, str]:
        return asdict(self)


@frozen
class Forwards:
    """The ports of this machine that lead to an ``engine`` behind ssh. ``local`` maps addresses of
    the engine's host to these ports; ``taken`` are the ports that other programs use on this
    machine."""

    local: Mapping[str, int] = field(default_factory=dict)
    taken: frozenset[int] = frozenset()
    engine: str = ""


SENT = "composetasks-sent"
"""The key of the volume that replaces bind mounts whose sources exist only on this machine."""


@frozen
class Sent:
    """A file or folder of this machine that ``services`` on an engine of another host mount from a
    volume, in which it is the folder ``key``. ``root`` is the folder that the paths of ``local`` (a
    textual description of its content) are relative to, ``there`` is the content sent before;
    ``sizes`` are the bytes of the files that differ."""

    key: str
    root: str
    services: tuple[str, ...]
    local: Mapping[str, str] = field(default_factory=dict)
    there: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)


class NotSent(Enum):
    """Why a mounted file or folder is never sent to an engine on another host."""

    STATE = "state"
    """A start would overwrite the state there."""
    KIND = "kind"
    """It is a device, a pipe, a socket, or the mount of a volume driver."""


@frozen
class Scope:
    """Which parts of the world are observed. ``inputs``: also build inputs and the host's ports,
    for plans that build or start; ``registry``: look there for images that are missing here, with
    ``push`` for all images; ``rebuild``: the plan may build unchanged images; ``starting``: the
    verb starts services, so an engine on another host is checked for the mount sources, by means of
    temporary containers; ``leftovers``: observe all images of the engine, for a verb that removes
    some or may use any, not only those that the model names."""

    inputs: bool = True
    registry: str = ""
    push: bool = False
    rebuild: bool = False
    starting: bool = False
    leftovers: bool = False


@frozen
class World:
    """All observations for one run of a verb; plans are computed from it.

    ``inputs`` holds the build inputs of services that build, ``built`` the inputs recorded for the
    digests of earlier builds, ``recorded_configs`` the resolved configuration of each config hash.
    ``unbuildable`` holds, by service, what a build lacks.
    ``paths`` maps the project's folder and each folder in a container's labels to its real path,
    None if it is gone; a path not in the mapping is used unchanged.
    ``remote`` is the address of an engine on another host, "" for a local engine. ``missing`` are
    the mount sources, devices and files that the engine's host does not have; ``only_here`` those
    of them that exist, not empty, on this host; ``not_sent`` those of these that a start can't
    send, with the reason; ``empty_folders`` the mount sources that are empty folders; ``silent``
    maps mount sources whose file systems do not answer to the mount points; ``missing_plugins`` are
    the drivers of networks and volumes that the engine does not list.
    ``old_contents`` maps a container's id to the paths whose inline config was edited.
    ``state``, ``unkept`` and ``snapshots`` are observed only for the verbs about state; ``shared``
    is None if no registry is set. ``abandoned`` are this project's abandoned instances; their
    containers, networks and volumes are not in ``engine``.
    ``ended`` is how runs of containers ended, as their starts observed it, ``runs`` the last runs
    that a plan compares, both by container id; ``mounted`` the digests of the content that jobs
    mount, by service.
    ``checkout`` is the name of the git work tree's folder. ``in_common`` is what an instance can't
    have its own copy of.
    ``edited`` maps services to a file that is newer than the image their tag refers to.
    ``outdated`` are the services whose ``pull_policy`` now has their image pulled again, or whose
    ``build.pull`` refers to a base image with a newer version in its registry.
    ``other_platforms`` maps services whose image on the engine is for another platform than they
    request to the image's platform. ``undigested`` are the ids of images that were built here from
    unknown files. ``image_checks`` are the services whose health check is, or may be, defined in
    their image.
    ``forwards`` is None if no port is forwarded to this machine. ``maker`` is who created the
    project on an engine of another host, if it was not done from this machine. ``sent`` are the
    files and folders of this machine that are mounted there from a volume.
    """

    model: Model
    engine: Engine
    inputs: Mapping[str, BuildInputs] = field(default_factory=dict)
    built: Mapping[str, BuildInputs] = field(default_factory=dict)
    recorded_configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ports: tuple[PortHolder, ...] = ()
    paths: Mapping[str, str | None] = field(default_factory=dict)
    remote: str = ""
    missing: frozenset[str] = frozenset()
    only_here: frozenset[str] = frozenset()
    not_sent: Mapping[str, NotSent] = field(default_factory=dict)
    undigested: frozenset[str] = frozenset()
    edited: Mapping[str, str] = field(default_factory=dict)
    outdated: frozenset[str] = frozenset()
    other_platforms: Mapping[str, str] = field(default_factory=dict)
    empty_folders: frozenset[str] = frozenset()
    silent: Mapping[str, str] = field(default_factory=dict)
    missing_plugins: frozenset[str] = frozenset()
    old_contents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    state: tuple[State, ...] = ()
    unkept: tuple[Unkept, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    warnings: tuple[str, ...] = ()
    unbuildable: Mapping[str, Blocker] = field(default_factory=dict)
    shared: Shared | None = None
    image_checks: Mapping[str, str] = field(default_factory=dict)
    abandoned: tuple[AbandonedInstance, ...] = ()
    ended: Mapping[str, Ended] = field(default_factory=dict)
    runs: Mapping[str, Run] = field(default_factory=dict)
    mounted: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    checkout: str = ""
    in_common: tuple[InCommon, ...] = ()
    forwards: Forwards | None = None
    maker: Maker | None = None
    sent: Mapping[str, Sent] = field(default_factory=dict)

    def with_containers(self, containers: Iterable[Container]) -> World:
        """The world with ``containers`` in place of the engine's."""
        return replace(self, engine=replace(self.engine, containers=tuple(containers)))

    def replicas(self, service: str) -> tuple[Container, ...]:
        """The replicas of a service of this project, ordered by number."""
        return replicas_of(self.engine.containers, self.model.project, service)

    def images_of_users(self, state: Iterable[State]) -> Mapping[str, Image]:
        """The image, if it exists, that each service with some of ``state`` mounted would run."""
        names = dict.fromkeys(name for one in state for name in one.services)
        images = {name: self.engine.image(self.model.services[name].image) for name in names}
        return {name: image for name, image in images.items() if image}

    def images_now(self, services: Iterable[str]) -> Mapping[str, str | None]:
        """The id of the image each service would run; if the tag is gone, its container's image."""
        images: dict[str, str | None] = {}
        for name in services:
            image = self.engine.image(self.model.services[name].image)
            used = [container.compose_image_id for container in self.replicas(name)]
            images[name] = image.id if image else used[0] if used else None
        return images

    def plan(
        self,
        command: str,
        steps: Iterable[Step],
        *,
        blockers: Iterable[Blocker] = (),
        warnings: Iterable[str] = (),
    ) -> Plan:
        """The project's plan with these steps; active services without a step are unchanged."""
        steps = tuple(steps)
        touched = {name for step in steps for name in (step.service, *step.services)}
        return Plan(
            command=command,
            project=self.model.project,
            instance=self.model.instance,
            steps=steps,
            unchanged=tuple(name for name in self.model.services if name not in touched),
            blockers=tuple(blockers),
            warnings=tuple(warnings),
        )


@frozen
class ServiceStatus:
    """The status of a service.

    ``shown`` is the replica that is most significant for the status, None if there is no replica;
    ``since`` and ``restarts`` are that replica's, "" and None if its record was not read.
    ``problem`` is why a start would not regard the service as up, ``warnings`` concern its health
    check; ``stale`` lists its deviations from the model. ``job``: it is a job, ``done``: a
    completed one; ``waits_for`` are the services, still starting, that it waits for before it is
    started."""

    service: Service
    containers: tuple[Container, ...] = ()
    shown: Container | None = None
    since: str = ""
    restarts: int | None = 0
    problem: str = ""
    warnings: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    job: bool = False
    done: bool = False
    waits_for: tuple[str, ...] = ()
