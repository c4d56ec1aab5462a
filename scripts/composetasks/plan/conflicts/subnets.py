"""Subnets that a start needs and that overlap with another network's, which the engine refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote

from composetasks.facts import (
    Blocker,
    Evidence,
    ExitCode,
    Network,
    RemoveNetwork,
    Resource,
    Step,
    World,
)
from composetasks.facts.engine import PROJECT
from composetasks.facts.frozen import frozen
from composetasks.plan.conflicts import networks
from composetasks.plan.conflicts.addresses import Subnet, subnets
from composetasks.plan.conflicts.claims import Findings, conflict
from composetasks.plan.conflicts.origin import Origin, origin

ELSEWHERE = ("overlay", "host", "null", "none")
"""Drivers whose networks have no subnet or (overlay) a separate address space."""


@frozen
class _WantedSubnet:
    """A subnet of a network that the start creates."""

    resource: Resource
    subnet: Subnet


def overlaps(world: World, services: Iterable[str]) -> Findings:
    """Networks that overlap with a needed subnet: one of this project that nothing needs any more
    is removed; any other blocks the plan, as do two overlapping networks of the model."""
    starting = tuple(services)
    wanted = tuple(_wanted(world, starting))
    overlaps = Findings(blockers=(*_too_many(wanted), *_ours_against_ours(wanted)))
    gone: set[str] = set()
    for declared in wanted:
        for network, taken in _holders(world, declared):
            if network.id in gone:
                continue
            if _left_over(world, network, starting):
                gone.add(network.id)
                overlaps += Findings((_removal(world, declared, network, taken, starting),))
            else:
                overlaps += Findings(blockers=(_refusal(world, declared, network, taken),))
    return overlaps


def _wanted(world: World, starting: tuple[str, ...]) -> Iterator[_WantedSubnet]:
    for key in networks.keys_of(world.model, starting):
        resource = world.model.networks.get(key)
        if resource is None or resource.external or networks.staying(world, resource):
            continue
        driver = str(resource.config.get("driver") or "bridge")
        ipam = (resource.config.get("ipam") or {}).get("driver") or "default"
        if ipam == "default" and driver not in ELSEWHERE:
            for subnet in subnets(None, resource):
                yield _WantedSubnet(resource, subnet)


def _holders(world: World, wanted: _WantedSubnet) -> Iterator[tuple[Network, Subnet]]:
    """Yield the networks that are not replaced, each with its first overlapping subnet."""
    replaced = {
        changed.network.id
        for changed in networks.changed(world.model, world.engine, world.model.networks)
    }
    for network in world.engine.networks:
        if network.driver in ELSEWHERE or network.id in replaced:
            continue
        overlapping = [
            has for has in subnets(network, wanted.resource) if _meet(has, wanted.subnet)
        ]
        if overlapping:
            yield network, overlapping[0]


def _meet(subnet: Subnet, other: Subnet) -> bool:
    return subnet.version == other.version and subnet.overlaps(other)


def _left_over(world: World, network: Network, starting: tuple[str, ...]) -> bool:
    """Whether a network belongs to this project but is not in the model, and all containers that
    run on it are recreated by this start."""
    if network.labels.get(PROJECT) != world.model.project:
        return False
    if network.name in {resource.name for resource in world.model.networks.values()}:
        return False
    return all(
        origin(world, container) is Origin.OURS and container.service in starting
        for container in networks.on(world.engine, network)
        if container.running
    )


def _removal(
    world: World, wanted: _WantedSubnet, network: Network, taken: Subnet, starting: tuple[str, ...]
) -> Step:
    using = networks.users(world.model, starting, wanted.resource.key)
    return Step(
        operation=RemoveNetwork(disconnect_ours=True),
        target=network.name,
        reason=f"no longer in the model, and network {wanted.resource.name} needs its subnet",
        services=using,
        because=(
            Evidence(
                kind="network",
                name=wanted.resource.name,
                field="ipam",
                old=f"{taken} ({network.name})",
                new=str(wanted.subnet),
            ),
        ),
        key=network.id,
    )


def _refusal(world: World, wanted: _WantedSubnet, network: Network, taken: Subnet) -> Blocker:
    maker = network.labels.get(PROJECT)
    there = networks.on(world.engine, network)
    folders = {c.working_dir for c in world.engine.containers if maker and c.project == maker}
    where = f" in {', '.join(sorted(folders - {''}))}" if folders - {""} else ""
    how_made = f"created by Compose project {maker}{where}" if maker else "not created by Compose"
    users = ", ".join(container.name for container in there)
    choose = f"choose another subnet (networks.{wanted.resource.key}.ipam.config)"
    if not there:
        end = f"`docker network rm {quote(network.name)}` frees it"
    elif maker:
        end = f"`docker compose -p {maker} down` removes what uses it"
    else:
        end = f"stop its containers and run `docker network rm {quote(network.name)}`"
    return conflict(
        "subnet",
        str(wanted.subnet),
        f"network {wanted.resource.name} needs the subnet {wanted.subnet}, which overlaps with "
        f"{taken} of network {network.name} ({how_made}, "
        f"{f'used by {users}' if users else 'used by no container'})",
        f"{choose}, or {end}",
        because=(
            Evidence(kind="network", name=network.name, field="ipam", detail=str(taken)),
            *(Evidence(kind="container", name=container.name) for container in there),
        ),
    )


def _too_many(wanted: tuple[_WantedSubnet, ...]) -> Iterator[Blocker]:
    """Yield a blocker for two subnets of one family on a bridge; other drivers allow them."""
    by_range: dict[tuple[str, int], Subnet] = {}
    for declared in wanted:
        if declared.resource.config.get("driver", "bridge") != "bridge":
            continue
        first = by_range.setdefault(
            (declared.resource.key, declared.subnet.version), declared.subnet
        )
        if first is not declared.subnet:
            yield Blocker(
                kind="subnet",
                target=str(declared.subnet),
                message=f"network {declared.resource.key} has two IPv{declared.subnet.version} "
                f"subnets, {first} and {declared.subnet}: a bridge network has one",
                hint=f"remove one from networks.{declared.resource.key}.ipam.config",
                code=ExitCode.INVALID,
                because=(Evidence(kind="network", name=declared.resource.name, field="ipam"),),
            )


def _ours_against_ours(wanted: tuple[_WantedSubnet, ...]) -> Iterator[Blocker]:
    for place, declared in enumerate(wanted):
        for other in wanted[:place]:
            if declared.resource is not other.resource and _meet(declared.subnet, other.subnet):
                yield conflict(
                    "own-subnet",
                    str(declared.subnet),
                    f"networks {other.resource.key} and {declared.resource.key} of the model "
                    f"overlap: {other.subnet} and {declared.subnet}",
                    "give one of them another subnet "
                    f"(networks.{declared.resource.key}.ipam.config)",
                    because=(Evidence(kind="network", name=declared.resource.name, field="ipam"),),
                )
