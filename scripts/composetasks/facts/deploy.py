"""Deployments on Docker Swarm: the state of a stack in a swarm, and the model to deploy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from composetasks.facts.frozen import frozen
from composetasks.facts.plans import Blocker

NAMESPACE = "com.docker.stack.namespace"
"""The label by which Docker recognizes the objects of a stack."""
REVISION = "composetasks.deploy.revision"
"""The label on the record of a deployment: the revision's number."""
CONTENT = "composetasks.deploy.content"
"""The label on a config or secret that a deployment created: its key in the model."""
CHECK = "composetasks.deploy.check"
"""The label on the temporary service that runs a check as a job."""
LARGEST = {"configs": 1000 * 1024 - 1, "secrets": 500 * 1024 - 1}
"""The largest sizes in bytes that Swarm accepts (swarmkit: less than MaxConfigSize,
MaxSecretSize)."""
WAITS_FOR = "x-waits-for"
"""The key that lists the dependencies of a service in a stack file; Swarm itself has none."""


@frozen
class Content:
    """The content of a config or secret of the model (``kind`` is ``configs`` or ``secrets``).
    ``name`` is its object's name in the swarm, derived from the content. ``data`` is None if the
    object is created outside the deployment."""

    kind: str
    key: str
    name: str
    data: bytes | None = field(repr=False, default=None)


@frozen
class DeployModel:
    """The model to deploy, as Compose resolves it. ``config`` has digests in place of secrets;
    ``raw`` has their values and is sent to Swarm only. ``digests`` maps image references to their
    registries' digests."""

    config: Mapping[str, Any]
    raw: Mapping[str, Any] = field(repr=False)
    contents: tuple[Content, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)


@frozen
class StackFile:
    """The input of ``docker stack deploy``. Features of the model that it can't express are
    blockers if they change what runs, otherwise warnings."""

    file: Mapping[str, Any] = field(repr=False)
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def services(self) -> Mapping[str, Any]:
        services: Mapping[str, Any] = self.file.get("services") or {}
        return services


@frozen
class SwarmService:
    """A service of a stack; ``digest`` is the digest of its spec, ``before`` that of its previous
    spec. The specs contain digests in place of secrets."""

    name: str
    id: str
    digest: str
    before: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    spec_before: Mapping[str, Any] = field(default_factory=dict)


@frozen
class Revision:
    """The record of a deployment: who made it, when (RFC 3339), and the stack file; ``file``
    contains digests in place of secrets. ``specs`` are the digests of the services' specs after it.
    """

    number: int
    who: str
    when: str
    file: StackFile
    raw: Mapping[str, Any] = field(repr=False)
    specs: Mapping[str, str] = field(default_factory=dict)
    id: str = ""


@frozen
class Swarm:
    """The state of ``stack`` in a swarm: its services by their names in the file, and its
    revisions, oldest first. ``configs``, ``secrets`` and ``networks`` are the names of all such
    objects, also those of other stacks; ``local``: the only node is the engine that builds;
    ``attributes``: the attributes of each node that placement constraints compare; ``unbalanced``:
    the kernel of the only node lacks IPVS, which Swarm's virtual addresses need."""

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
    """A task of a service: its name as in ``docker service ps``, without the stack's name, and its
    node ("" if none is assigned yet)."""

    name: str
    node: str
    state: str
    since: str = ""
    error: str = ""
