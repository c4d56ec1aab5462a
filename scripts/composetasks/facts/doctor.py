"""The observations of the doctor, and the results of its checks."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field

from composetasks.facts.frozen import frozen

BUILDKIT = "buildx_buildkit_"
"""The prefix of the containers and volumes of Buildx's builders."""


class Status(str, enum.Enum):
    """The result of a check; SKIPPED if the subject of the check is not accessible."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen
class Check:
    """One check of the doctor: its result and how serious that is; ``hint`` is the fix."""

    name: str
    status: Status
    message: str
    hint: str = ""


@frozen
class Disk:
    """The file system at ``place``: its bytes and inodes, and how many of them unprivileged users
    can still use. ``inodes`` is 0 if the file system has no fixed number of them."""

    place: str
    bytes: int
    free: int
    inodes: int = 0
    inodes_free: int = 0


@frozen
class Daemon:
    """What an engine reports about itself. ``where`` is how it was chosen and reached, ``local``
    whether it is on this host; ``latency`` is the seconds that its simplest answer takes,
    ``clock_ahead`` the seconds by which its clock is ahead of this host's; ``shifted``: root in a
    container is an ordinary user of the engine's host (rootless, or user namespaces); ``podman``:
    it is Podman, not Docker; ``swarm``: it is a node of a swarm."""

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
    """A program that is a plugin of the docker client, or looks like one. ``searched`` is whether
    the client searches its folder; ``version`` is "" if the program reports none."""

    path: str
    version: str
    searched: bool = True


@frozen
class Watching:
    """The kernel's per-user limits of inotify, and how many instances the current user has."""

    watches: int
    instances: int
    used: int = 0


@frozen
class Reach:
    """What a program can reach from a ``place``: this host, a container, or a step of a build.

    ``resolved`` is why the name ``looked_up`` can't be resolved ("" if it can); ``answer`` why the
    package index does not answer ("" if it does); ``distrust`` why its certificate is not trusted,
    given the certificate authorities in ``authorities`` ("" if there are none). ``proxies`` are
    without passwords. ``image`` is the image of the container or build step.
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
