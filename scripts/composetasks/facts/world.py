"""Everything a plan is made from: the model, the engine, the host, build inputs, state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import Any

from composetasks.facts.engine import Container, Engine, Image, Network, Volume, replicas_of
from composetasks.facts.frozen import frozen
from composetasks.facts.jobs import Ended, Run
from composetasks.facts.model import Model, Service
from composetasks.facts.plans import Blocker, Plan, Step
from composetasks.facts.state import Snapshot, State, Unkept


@frozen
class PortHolder:
    """A process of the host that listens on a port; pid None and name "" where the system does
    not show us whose it is. ``container`` is the id of the container it runs in, "" for none;
    ``ipv6_only`` says that it listens on "::" and leaves IPv4 to others."""

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
    """Files that an image holds a copy of and nobody sees, since all who run it mount the files
    themselves there: what lies at or below ``places``, but for ``seen`` and what is below that."""

    places: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        return any(_within(path, place) for place in self.places) and not any(
            _within(path, place) for place in self.seen
        )


def _within(path: str, place: str) -> bool:
    above = place.rstrip("/")
    return not above or path == above or path.startswith(f"{above}/")


@frozen
class BuildInputs:
    """Everything an image is made from, and the digest over it (hex, 24 digits).

    ``files`` maps a path relative to the project's folder (or a named context's ``name:path``)
    to the digest of its content, mode and link; ``options`` maps what is not a file
    (``build-arg.NAME``, ``base-image.REF``, ``target`` ...) to its value, masked where secret.
    ``core`` is the digest of all but the base images, ``bases`` what each of those is: an id, a
    registry's digest, another service's digest of inputs, or "" where it was never seen here.
    ``hidden`` are the files among them that a start needs no build for.
    """

    service: str
    digest: str
    files: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    core: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)
    hidden: Hidden = Hidden()


@frozen
class Shared:
    """What the registry that people share holds of this project's images.

    ``images`` maps services to the reference of an image that was built from the very inputs they
    have now, ``caches`` to that of an image whose layers a build may begin with.
    """

    registry: str
    images: Mapping[str, str] = field(default_factory=dict)
    caches: Mapping[str, str] = field(default_factory=dict)

    def repository(self, service: str) -> str:
        """The repository of a service's images. It does not name the project: two checkouts, and
        two people, have other project names and the same inputs."""
        return f"{self.registry.rstrip('/')}/{service.lower()}"

    def reference(self, service: str, digest: str) -> str:
        """The image that was built from these inputs."""
        return f"{self.repository(service)}:ct-{digest}"

    def cache_reference(self, service: str) -> str:
        """The image that was pushed last, whose layers a build may begin with."""
        return f"{self.repository(service)}:cache"


@frozen
class AbandonedInstance:
    """An instance whose owner has ended, and what is left of it. ``owner`` is the owner's text as
    the labels have it; ``place`` is the instance's folder, "" where it is gone or another's."""

    instance: str
    project: str
    owner: str
    place: str = ""
    containers: tuple[Container, ...] = ()
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()


@frozen
class InCommon:
    """What ``services`` of an instance would use together with the other copies of the stack: a
    folder, file, volume, network or address by its ``name``, and what resolves it."""

    kind: str
    name: str
    services: tuple[str, ...]
    reason: str
    hint: str


MAKER_LABEL = "composetasks.maker."
"""What the labels begin with by which an engine of another host knows who made a project."""


@frozen
class Maker:
    """A person at a machine: the user's name, the machine's, the folder of the project there (its
    real path), and what tells machines of one name apart."""

    user: str
    host: str
    path: str
    machine: str = ""

    def labels(self) -> dict[str, str]:
        return {
            "user": self.user,
            "host": self.host,
            "path": self.path,
            "machine": self.machine,
        }


@frozen
class Forwards:
    """The ports of this machine that lead to an ``engine`` behind ssh: ``local`` by the address
    there; ``taken`` are the numbers that something else has here."""

    local: Mapping[str, int] = field(default_factory=dict)
    taken: frozenset[int] = frozenset()
    engine: str = ""


SENT = "composetasks-sent"
"""The key of the volume that stands for bind mounts whose sources only this machine has."""


@frozen
class Sent:
    """A file or folder of this machine that ``services`` on an engine of another host mount from a
    volume, where it is the folder ``key``. ``root`` is the folder that the paths of ``local`` (what
    is in it, in words) are relative to, ``there`` is what was sent before; ``sizes`` are the bytes
    of the files that differ."""

    key: str
    root: str
    services: tuple[str, ...]
    local: Mapping[str, str] = field(default_factory=dict)
    there: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)


class NotSent(Enum):
    """Why what a service mounts is never sent to an engine on another host."""

    STATE = "state"
    """A start would overwrite what runs there."""
    KIND = "kind"
    """A device, a pipe, a socket, or what a volume's driver mounts."""


@frozen
class Scope:
    """How far the world is looked at. ``inputs``: build inputs and the host's ports too, for which
    a verb that starts nothing has no use; ``registry`` is asked for images that are not here, with
    ``push`` for all; ``rebuild``: for a plan that may build what has not changed; ``starting``:
    for one that starts services, so that an engine on another host is asked for what would be
    mounted, with containers that are made for that; ``leftovers``: all images of the engine, for
    one that removes some or takes any, not only those that the model has to do with."""

    inputs: bool = True
    registry: str = ""
    push: bool = False
    rebuild: bool = False
    starting: bool = False
    leftovers: bool = False


@frozen
class World:
    """All that was observed for one run of a verb; what a plan is made from.

    ``inputs`` holds the build inputs of services that build, ``built`` the inputs recorded for
    digests built before, ``recorded_configs`` the resolved configuration
    of a config hash.
    ``unbuildable`` tells of services that build what is missing for that.
    ``paths`` gives the real path of the project's folder and of each that a container's labels
    name, None where it is gone; one that was not looked up is taken as it is written.
    ``remote`` is the address of an engine on another host, "" for one on this. ``missing`` are the
    mount sources, devices and files that the engine's host does not have; ``only_here`` those of
    them that this host has, with something in them, ``not_sent`` those of these that a start can't
    send there, with why; ``empty_folders`` the mount sources that are
    folders with nothing in them, ``silent`` those whose file systems do not answer, with where
    these are mounted; ``missing_plugins`` are the drivers of networks and volumes that the engine
    does not list.
    ``old_contents`` maps a container's id to the paths whose inline config was edited. ``state``,
    ``unkept`` and ``snapshots`` are there for the verbs that are about them; ``shared`` is None
    where no registry is set. ``abandoned`` are this project's; what belongs to them is not in
    ``engine``.
    ``ended`` is how the runs of containers ended that their starts saw end, ``runs`` the last run
    of those that a plan compares, both by container id; ``mounted`` the digests of what jobs
    mount, by service.
    ``checkout`` is what the folder of the git work tree is called. ``in_common`` is what an
    instance can have no copy of.
    ``edited`` are the services some file of whose image is newer than what is on its tag, and one.
    ``outdated`` are the services whose ``pull_policy`` asks for their image again by now, or whose
    ``build.pull`` asks for a base image that is a newer one in its registry.
    ``other_platforms`` are the services whose image on the engine is for another platform than they
    ask for, and for which.
    ``undigested`` are the ids of images that were built here from nobody knows which files.
    ``image_checks`` are the services whose health check is, or may be, their image's own.
    ``forwards`` is None where no port is forwarded to this machine. ``maker`` is who made the
    project on an engine of another host, where that was not done from this machine. ``sent`` are
    the files and folders of this machine that are mounted there from a volume.
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
        """The world with these containers in place of the engine's."""
        return replace(self, engine=replace(self.engine, containers=tuple(containers)))

    def replicas(self, service: str) -> tuple[Container, ...]:
        """The replicas of a service of this project, by number."""
        return replicas_of(self.engine.containers, self.model.project, service)

    def images_of_users(self, state: Iterable[State]) -> Mapping[str, Image]:
        """The image that each service which uses some of ``state`` would run, where it is there."""
        names = dict.fromkeys(name for one in state for name in one.services)
        images = {name: self.engine.image(self.model.services[name].image) for name in names}
        return {name: image for name, image in images.items() if image}

    def images_now(self, services: Iterable[str]) -> Mapping[str, str | None]:
        """The image each service would run; what its container was made from where the tag is
        gone."""
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
        """The plan that these make for the project, with the active services that no step speaks of
        as unchanged."""
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
    """How a service stands.

    ``shown`` is the replica that says most about it, None where there is none; ``since`` and
    ``restarts`` are that one's, "" and None where its record was not read. ``problem`` is why a
    start would not call it up, ``warnings`` are its health check's; ``stale`` says what of it is
    not what it should be. ``job`` is for one that ends, ``done`` for one that has; ``waits_for``
    are the services on their way that keep it from being started."""

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
