"""Deployments on Docker Swarm: what a swarm has of a stack, and what is to be deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from composetasks.facts.frozen import frozen
from composetasks.facts.plans import Blocker

NAMESPACE = "com.docker.stack.namespace"
"""The label by which Docker knows what belongs to a stack."""
REVISION = "composetasks.deploy.revision"
"""The label of a record of a deployment: its number."""
CONTENT = "composetasks.deploy.content"
"""The label of a config or secret that a deployment made: its key in the model."""
CHECK = "composetasks.deploy.check"
"""The label of a service that is a check's job, for as long as that runs."""
LARGEST = {"configs": 1000 * 1024 - 1, "secrets": 500 * 1024 - 1}
"""Bytes that Swarm takes (swarmkit: fewer than MaxConfigSize and MaxSecretSize)."""
WAITS_FOR = "x-waits-for"
"""What a service of a stack file waits for, which Swarm itself has no word for."""


@frozen
class Content:
    """What a config or secret of the model (``kind`` is ``configs`` or ``secrets``) holds, and the
    ``name`` that its object has in the swarm: one of the content. ``data`` is None where others
    are to make it."""

    kind: str
    key: str
    name: str
    data: bytes | None = field(repr=False, default=None)


@frozen
class Wanted:
    """The model that is to be deployed, as Compose resolves it. In ``config`` secrets are digests;
    ``raw`` has their values, and goes nowhere but to Swarm. ``digests`` are the registries' own of
    images, by reference."""

    config: Mapping[str, Any]
    raw: Mapping[str, Any] = field(repr=False)
    contents: tuple[Content, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)


@frozen
class StackFile:
    """What ``docker stack deploy`` is given, with what it can't say: as blockers where that changes
    what runs, as warnings where it does not."""

    file: Mapping[str, Any] = field(repr=False)
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def services(self) -> Mapping[str, Any]:
        services: Mapping[str, Any] = self.file.get("services") or {}
        return services


@frozen
class SwarmService:
    """A service of a stack; ``digest`` is that of its spec, ``before`` that of the spec before.
    In the specs secrets are digests."""

    name: str
    id: str
    digest: str
    before: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    spec_before: Mapping[str, Any] = field(default_factory=dict)


@frozen
class Revision:
    """The record of a deployment: who made it and when (RFC 3339), and the file, with digests in
    the place of secrets in ``file``. ``specs`` are the digests of the services' specs after it."""

    number: int
    who: str
    when: str
    file: StackFile
    raw: Mapping[str, Any] = field(repr=False)
    specs: Mapping[str, str] = field(default_factory=dict)
    id: str = ""


@frozen
class Swarm:
    """What a swarm has of ``stack``: its services by their names in the file, its revisions, oldest
    first. ``configs``, ``secrets`` and ``networks`` are the names of all that there are, whose
    they are; ``local`` says that its only node is the engine that builds. ``attributes`` are those
    that placement constraints compare, of each node; ``unbalanced`` says that the kernel of its
    only node lacks what Swarm's virtual addresses stand on (IPVS)."""

    stack: str
    services: Mapping[str, SwarmService] = field(default_factory=dict)
    revisions: tuple[Revision, ...] = ()
    nodes: int = 1
    local: bool = True
    configs: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    attributes: tuple[Mapping[str, str], ...] = ()
    unbalanced: bool = False

    @property
    def last(self) -> Revision | None:
        return self.revisions[-1] if self.revisions else None


@frozen
class SwarmTask:
    """A task of a service: its name as ``docker service ps`` has it, without the stack's, and the
    node it is on ("" for none yet)."""

    name: str
    node: str
    state: str
    since: str = ""
    error: str = ""
