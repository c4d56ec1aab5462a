"""How a container that has what a start needs is treated: the policy's table (``policy.py``)
applied as steps and blockers."""

from __future__ import annotations

from composetasks.facts import Blocker, Container, Evidence, RenameContainer, Step, World
from composetasks.facts.program import task
from composetasks.plan.conflicts import container_names, container_summary, instances
from composetasks.plan.conflicts.claims import (
    SENTENCES,
    Claim,
    ClaimKind,
    ContainerClaims,
    Findings,
    conflict,
    removal_step,
)
from composetasks.plan.conflicts.origin import Origin, container_state, is_gone, origin
from composetasks.plan.conflicts.policy import CONSENT, IN_THE_WAY, Treatment

LET_GO = {
    ClaimKind.PORT: "start {service} as well ({up}) if it no longer publishes that port; otherwise "
    "`docker stop {name}`",
    ClaimKind.ADDRESS: "`ip_range` in the network's ipam.config keeps the addresses that "
    "the engine assigns apart from fixed ones; `docker stop {name}` frees this one until the "
    "container is started again",
}
"""How to make one of our own containers give up what another one needs."""


def treated(world: World, holder: ContainerClaims, force: bool) -> Findings:
    """How a container that has what a start needs is treated."""
    treatment = IN_THE_WAY[origin(world, holder.container)][container_state(holder.container)]
    if treatment is Treatment.RENAME:
        return _let_go(world, holder)
    if treatment is Treatment.REFUSE_UNLESS_FORCED and not force:
        return Findings(blockers=(_refusal(world, holder),))
    return Findings(steps=(_removal(world, holder, treatment),))


def _removal(world: World, holder: ContainerClaims, treatment: Treatment) -> Step:
    container = holder.container
    reason = f"{holder.sentence}; {container_summary.removal(world, container)}"
    if treatment is Treatment.AWAIT:
        reason = f"{holder.sentence}, and is already being removed; waits until it is gone"
    return removal_step(
        world,
        container,
        reason,
        CONSENT[treatment],
        services=holder.services,
        because=holder.evidence,
    )


def _refusal(world: World, holder: ContainerClaims) -> Blocker:
    container, first = holder.container, holder.claims[0]
    return conflict(
        first.kind,
        first.what,
        f"container {container.name} {holder.sentence}, and this project does not own it: "
        f"{container_summary.sentence(world, container)}",
        _ways_out(world, holder),
        service=first.service,
        because=(*holder.evidence, *container_summary.evidence(world, container)),
    )


def _ways_out(world: World, holder: ContainerClaims) -> str:
    """What would resolve the conflict: commands for the container and, if another project has only
    a name or a port, an instance of this one."""
    commands = _commands(holder)
    if origin(world, holder.container) is Origin.OTHER_PROJECT and is_gone(world, holder.container):
        same = f"`COMPOSE_PROJECT_NAME={holder.container.project}` in .env"
        commands = (
            f"if that folder was renamed to this one, {same} goes on with its containers and "
            f"volumes; {commands}"
        )
    apart = {claim.kind for claim in holder.claims} <= {ClaimKind.NAME, ClaimKind.PORT}
    if (
        world.model.instance
        or not apart
        or origin(world, holder.container) is not Origin.OTHER_PROJECT
    ):
        return commands
    own = task(f"up --instance {instances.free_name(world)}")
    return f"{commands}; {own} starts this one beside it, with its own names and ports"


def _commands(holder: ContainerClaims) -> str:
    """The commands that would resolve the conflict, the milder one first."""
    name = holder.container.name
    end = f"`docker stop {name} && docker rm {name}` removes it (--force does that for you)"
    if any(claim.kind is ClaimKind.NAME for claim in holder.claims):
        if all(claim.kind is ClaimKind.NAME for claim in holder.claims):
            return f"`docker rename {name} {name}-before` keeps it under another name; {end}"
        return end
    return f"`docker stop {name}` frees it until the container is started again; {end}"


def _let_go(world: World, holder: ContainerClaims) -> Findings:
    """One of our services has what another one needs. Its name can be taken from it without a loss;
    a port or an address can't, since the service is not part of this start or would not be
    recreated."""
    container = holder.container
    named = [claim for claim in holder.claims if claim.kind is ClaimKind.NAME]
    blockers = tuple(
        conflict(
            claim.kind,
            claim.what,
            f"container {container.name} of service {container.service} "
            + SENTENCES[claim.kind].format(what=claim.what, services=f"service {claim.service}"),
            LET_GO[claim.kind].format(
                service=container.service, name=container.name, up=task("up")
            ),
            service=claim.service,
            because=(claim.evidence, *container_summary.evidence(world, container)),
        )
        for claim in holder.claims
        if claim.kind in LET_GO
    )
    steps = (_renaming(world, container, named[0]),) if named else ()
    return Findings(steps, blockers)


def _renaming(world: World, container: Container, claim: Claim) -> Step:
    return rename_step(
        container,
        container_names.own_name(world, container),
        f"service {claim.service} needs its name now; it is recreated under its own name with "
        f"service {container.service}",
        (claim.service, container.service),
    )


def rename_step(container: Container, name: str, reason: str, services: tuple[str, ...]) -> Step:
    return Step(
        operation=RenameContainer(name),
        target=container.name,
        reason=reason,
        services=services,
        because=(Evidence(kind="rename", old=container.name, new=name),),
        key=container.id,
    )
