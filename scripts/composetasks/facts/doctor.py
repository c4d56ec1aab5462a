"""What the doctor looks at, and what it says of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field

from composetasks.facts.frozen import frozen


class Status(str, enum.Enum):
    """How a check ended; SKIPPED where what it looks at can't be looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen
class Check:
    """One check of the doctor: what was found and whether it matters; ``hint`` is the fix."""

    name: str
    status: Status
    message: str
    hint: str = ""


@frozen
class Disk:
    """The file system at ``place``: bytes and inodes, those free for everybody. ``inodes`` is 0
    where the file system has no fixed number of them."""

    place: str
    bytes: int
    free: int
    inodes: int = 0
    inodes_free: int = 0


@frozen
class Daemon:
    """What an engine says of itself. ``where`` is how it was chosen and reached, ``local`` whether
    it is on this host; ``latency`` is how many seconds its simplest answer takes, ``clock_ahead``
    is how many its clock is before ours; ``shifted`` says that root in a container is an ordinary
    user of the engine's host (rootless, or user namespaces), ``podman`` that it is Podman, not
    Docker, ``swarm`` that it is a node of a swarm."""

    where: str
    local: bool
    version: str
    system: str
    architecture: str
    root: str
    memory: int
    clock_ahead: float
    proxies: Mapping[str, str] = field(default_factory=dict)
    shifted: bool = False
    latency: float = 0.0
    podman: bool = False
    swarm: bool = False


@frozen
class Plugin:
    """A program that is, or could be taken for, a plugin of the docker client. ``searched`` says
    whether the client looks there; ``version`` is "" where it says none."""

    path: str
    version: str
    searched: bool = True


@frozen
class Watching:
    """The kernel's limits of inotify for each user, and how many instances this one has."""

    watches: int
    instances: int
    used: int = 0


@frozen
class Reach:
    """What a program finds in a ``place``: this host, a container, or a step of a build.

    ``resolved`` is why the name ``looked_up`` can't be resolved ("" where it can); ``answer`` why
    the package index does not answer ("" where it does); ``distrust`` why its certificate is not
    believed, by the authorities in ``authorities`` ("" where there are none). ``proxies`` are
    without passwords. ``image`` is what the container or the step was made from.
    """

    place: str
    looked_up: str
    resolved: str
    answer: str
    distrust: str
    authorities: str
    digest: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    disk: Disk | None = None
    watching: Watching | None = None


@frozen
class Builder:
    """A part of a BuildKit builder on the engine: the container or volume ``name``."""

    kind: str
    name: str
    state: str = ""
