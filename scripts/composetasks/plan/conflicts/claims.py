"""What a container has that a start needs (its name, a port, a place on a network), and what
follows: a step that removes the container, or a blocker."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from composetasks.facts import (
    Blocker,
    Consent,
    Container,
    Evidence,
    ExitCode,
    RemoveContainer,
    Step,
    World,
)
from composetasks.facts.frozen import frozen
from composetasks.plan.conflicts import container_summary


class ClaimKind(enum.Enum):
    """What is claimed; the values appear in plans."""

    NAME = "name"
    PORT = "port"
    ADDRESS = "address"
    NETWORK = "network"
    SERVICE = "service"


SENTENCES = {
    ClaimKind.NAME: "holds the name {what}, which {services} needs",
    ClaimKind.PORT: "holds port {what}, which {services} publishes",
    ClaimKind.ADDRESS: "has the address {what}, which {services} needs",
    ClaimKind.NETWORK: "is on network {what}, which has to be recreated for {services}",
    ClaimKind.SERVICE: "has the Compose labels of {services}, so Compose would treat it as part of "
    "the project",
}


@frozen
class Claim:
    """``container`` has ``what``, and ``service`` needs it."""

    kind: ClaimKind
    what: str
    service: str
    container: Container

    @property
    def evidence(self) -> Evidence:
        return Evidence(kind=self.kind.value, name=self.what)


@frozen
class Findings:
    """The results of a check: steps that resolve conflicts, blockers, and warnings."""

    steps: tuple[Step, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            self.steps + other.steps,
            self.blockers + other.blockers,
            self.warnings + other.warnings,
        )


@dataclass
class ContainerClaims:
    """All claims on one container."""

    container: Container
    claims: list[Claim] = field(default_factory=list)

    @property
    def services(self) -> tuple[str, ...]:
        """The services that need something the container has, each once."""
        return tuple(dict.fromkeys(claim.service for claim in self.claims))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(dict.fromkeys(claim.evidence for claim in self.claims))

    @property
    def sentence(self) -> str:
        """What the container has that is needed: "holds the name db, which service db needs"."""
        by_kind: dict[ClaimKind, dict[str, list[str]]] = {}
        for claim in self.claims:
            wanting = by_kind.setdefault(claim.kind, {}).setdefault(claim.what, [])
            if claim.service not in wanting:
                wanting.append(claim.service)
        return ", and ".join(
            SENTENCES[kind].format(what=what, services=f"service {', '.join(services)}")
            for kind, wanted in by_kind.items()
            for what, services in wanted.items()
        )


def gather(claims: Iterable[Claim]) -> tuple[ContainerClaims, ...]:
    """Claims grouped by container, sorted by the containers' names."""
    by_container: dict[str, ContainerClaims] = {}
    for claim in claims:
        earlier = by_container.setdefault(claim.container.id, ContainerClaims(claim.container))
        earlier.claims.append(claim)
    return tuple(
        sorted(by_container.values(), key=lambda one: (one.container.name, one.container.id))
    )


def conflict(
    kind: ClaimKind | str,
    target: str,
    message: str,
    hint: str,
    *,
    service: str = "",
    because: tuple[Evidence, ...] = (),
) -> Blocker:
    """A blocker with exit code 9."""
    name = kind.value if isinstance(kind, ClaimKind) else kind
    return Blocker(
        kind=name,
        target=target,
        message=message,
        hint=hint,
        code=ExitCode.CONFLICT,
        service=service,
        because=because,
    )


def removal_step(
    world: World,
    container: Container,
    reason: str,
    consent: Consent,
    *,
    services: tuple[str, ...] = (),
    because: tuple[Evidence, ...] = (),
) -> Step:
    """The step that removes ``container``; its volumes are kept."""
    lost = (f"data that {container.name} wrote outside its volumes",) if container.running else ()
    return Step(
        operation=RemoveContainer(stopped_only=not container.running),
        target=container.name,
        reason=reason,
        services=services,
        because=(*because, *container_summary.evidence(world, container)),
        destroys=lost,
        consent=consent,
        key=container.id,
    )
