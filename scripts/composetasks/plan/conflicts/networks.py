"""Networks: which definitions changed, who is on them, and what uses up the address pools.

Compose 5.6.1 replaces a changed network itself, with faults seen on a real engine: it first stops
our containers, and leaves them stopped if a foreign container keeps the old network in use; then
every further start fails ("is not connected to the network"). If it succeeds, containers come back
without their service's name as an alias, so others can't find them. So a step of the plan removes a
changed network, and its containers are recreated.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from composetasks.facts import (
    MADE_BY_PLAN,
    Blocker,
    Consent,
    Container,
    Engine,
    Evidence,
    Model,
    Network,
    RemoveNetwork,
    Resource,
    Service,
    Step,
    World,
)
from composetasks.facts.engine import COMPOSE, CONFIG_HASH, NETWORK, PROJECT
from composetasks.facts.frozen import frozen
from composetasks.facts.program import task
from composetasks.plan.conflicts import container_summary
from composetasks.plan.conflicts.claims import Claim, ClaimKind, conflict
from composetasks.plan.conflicts.origin import (
    ContainerState,
    Origin,
    container_state,
    origin,
    used_unchanged,
)

NOT_ATTACHED = "not attached"
LEAVE_WITH_CONSENT = (Origin.NO_SERVICE, Origin.INACTIVE, Origin.GONE_CHECKOUT)
"""The origins of our running containers that use a network only because nobody removed them."""


@frozen
class ChangedNetwork:
    """A network of the model, and the existing ``network`` that has another definition or another
    name."""

    resource: Resource
    network: Network


def changed(model: Model, engine: Engine, keys: Iterable[str]) -> tuple[ChangedNetwork, ...]:
    """The networks among ``keys`` that Compose would replace. A network without a recorded hash
    (made by hand or by another project) is used unchanged, as Compose does."""
    differing = []
    for key in sorted(set(keys)):
        resource = model.networks.get(key)
        if resource is None or resource.external:
            continue
        there = _there(model, engine, resource)
        recorded = there.labels.get(CONFIG_HASH) if there else None
        if there and recorded and resource.config_hash not in ("", recorded):
            differing.append(ChangedNetwork(resource, there))
    return tuple(differing)


def staying(world: World, resource: Resource) -> Network | None:
    """The existing network that a start uses for one of the model and does not replace. (An
    external network may be named by its full id.)"""
    if resource.external:
        named = (one for one in world.engine.networks if resource.name in (one.name, one.id))
        return next(named, None)
    there = _there(world.model, world.engine, resource)
    if there is None:
        return next((one for one in world.engine.networks if one.name == resource.name), None)
    return None if changed(world.model, world.engine, [resource.key]) else there


def _there(model: Model, engine: Engine, resource: Resource) -> Network | None:
    """The project's network for a key of the model: the one of the model's name, else the first."""
    ours = [
        network
        for network in engine.networks
        if network.labels.get(PROJECT) == model.project
        and network.labels.get(NETWORK) == resource.key
    ]
    return next((one for one in ours if one.name == resource.name), ours[0] if ours else None)


def keys_of(model: Model, services: Iterable[str]) -> tuple[str, ...]:
    """The keys of the networks that ``services`` use."""
    return tuple(sorted({key for name in services for key in model.services[name].networks}))


def on(engine: Engine, network: Network) -> tuple[Container, ...]:
    """The containers on a network, running or not. One that never ran lists it without an id."""
    return tuple(
        container
        for container in engine.containers
        if network.id in container.networks.values() or container.networks.get(network.name) == ""
    )


def differences(world: World, service: Service, container: Container) -> Iterator[Evidence]:
    """Yield why a container must be recreated because of its networks: one changed, the container
    is not on one (a start would not connect it), or one is gone (it can't be started)."""
    ids = {network.name: network.id for network in world.engine.networks}
    replaced = {
        change.resource.key: change
        for change in changed(world.model, world.engine, service.networks)
    }
    for key in service.networks:
        resource = world.model.networks.get(key)
        if resource is None:
            continue
        attached = container.networks.get(resource.name)
        there = ids.get(resource.name)
        if key in replaced:
            yield from change_evidence(replaced[key])
        elif attached is None or (attached and attached != there):
            yield Evidence(
                kind="network",
                name=resource.name,
                old=attached[:12] if attached else NOT_ATTACHED,
                new=there[:12] if there else MADE_BY_PLAN,
            )


def change_evidence(change: ChangedNetwork) -> tuple[Evidence, ...]:
    """What changed in a network, as far as the engine shows it; else the two hashes."""
    config, network = change.resource.config, change.network
    pairs = {
        "name": (network.name, change.resource.name),
        "driver": (network.driver, str(config.get("driver") or "bridge")),
        "ipam": (", ".join(network.subnets), ", ".join(_subnets(config)) or None),
        "labels": (_labels(network.labels), _labels(config.get("labels") or {})),
    }
    fields = tuple(
        Evidence(kind="network", name=change.resource.name, field=field, old=old or None, new=new)
        for field, (old, new) in pairs.items()
        if (old or None) != (new or None) and not (field == "ipam" and new is None)
    )
    if fields:
        return fields
    old, new = network.labels.get(CONFIG_HASH, ""), change.resource.config_hash
    return (Evidence(kind="network", name=change.resource.name, old=old[:12], new=new[:12]),)


def _subnets(config: Mapping[str, Any]) -> list[str]:
    pools = (config.get("ipam") or {}).get("config") or ()
    return [str(pool["subnet"]) for pool in pools if pool.get("subnet")]


def _labels(labels: Mapping[str, Any]) -> str:
    own = sorted((k, v) for k, v in labels.items() if not k.startswith(COMPOSE))
    return ", ".join(f"{name}={value}" for name, value in own)


# --- what is on a network that must be removed ----------------------------------------------


def claims(world: World, services: Iterable[str]) -> Iterator[Claim]:
    """Yield claims on our running leftovers on networks that must be replaced."""
    starting = tuple(services)
    for change in changed(world.model, world.engine, keys_of(world.model, starting)):
        for container in on(world.engine, change.network):
            alive = container_state(container) in (
                ContainerState.RUNNING,
                ContainerState.PAUSED,
                ContainerState.RESTARTING,
            )
            if alive and origin(world, container) in LEAVE_WITH_CONSENT:
                user = users(world.model, starting, change.resource.key)[0]
                yield Claim(ClaimKind.NETWORK, change.network.name, user, container)


def users(model: Model, services: Iterable[str], key: str) -> tuple[str, ...]:
    """Those of ``services`` that use a network."""
    return tuple(name for name in services if key in model.services[name].networks)


def replacements(
    world: World, services: Iterable[str], force: bool
) -> tuple[tuple[Step, ...], tuple[Blocker, ...], tuple[str, ...]]:
    """Steps that remove changed networks, blockers (other containers are on one), and warnings."""
    starting = tuple(services)
    steps: list[Step] = []
    blockers: list[Blocker] = []
    warnings: list[str] = []
    for change in changed(world.model, world.engine, keys_of(world.model, starting)):
        guests, absent = _others_on(world, change.network, starting)
        asleep = [
            c for c in guests if container_state(c) in (ContainerState.STOPPED, ContainerState.DEAD)
        ]
        awake = [c for c in guests if c not in asleep]
        if absent:
            blockers.append(_not_part(change, absent))
        if awake and not force:
            blockers += [_guest(world, change, guest) for guest in awake]
        warnings += [_asleep(change, guest) for guest in asleep]
        if not absent and (force or not awake):
            steps.append(_replace(world, change, starting, awake))
    return tuple(steps), tuple(blockers), tuple(warnings)


def _others_on(
    world: World, network: Network, starting: tuple[str, ...]
) -> tuple[list[Container], list[Container]]:
    """The foreign containers on a network, and our running services outside this start."""
    guests, absent = [], []
    for container in on(world.engine, network):
        maker = origin(world, container)
        if maker in (Origin.BY_HAND, Origin.OTHER_PROJECT, Origin.OTHER_FILES, Origin.ONE_OFF):
            guests.append(container)
        elif maker is Origin.OURS and container.service not in starting and container.running:
            absent.append(container)
    return guests, absent


def _replace(
    world: World, change: ChangedNetwork, starting: tuple[str, ...], awake: list[Container]
) -> Step:
    using = users(world.model, starting, change.resource.key)
    reason = "name changed" if change.network.name != change.resource.name else "definition changed"
    reason += "; it is recreated together with the containers on it"
    if awake:
        lose = "loses" if len(awake) == 1 else "lose"
        reason += f"; {', '.join(guest.name for guest in awake)} {lose} the connection"
    return Step(
        operation=RemoveNetwork(disconnect_ours=True, disconnect_all=bool(awake)),
        target=change.network.name,
        reason=reason,
        services=using,
        because=change_evidence(change),
        consent=Consent.FORCE if awake else Consent.NONE,
        key=change.network.id,
    )


def _not_part(change: ChangedNetwork, absent: list[Container]) -> Blocker:
    services = sorted({container.service for container in absent})
    return conflict(
        ClaimKind.NETWORK,
        change.network.name,
        f"network {change.network.name} changed and has to be recreated, but "
        f"{', '.join(container.name for container in absent)} is running on it and is not part "
        "of this start",
        f"start {' '.join(services)} as well: {task('up')}, or name it with the others",
        service=services[0],
        because=change_evidence(change),
    )


def _guest(world: World, change: ChangedNetwork, guest: Container) -> Blocker:
    return conflict(
        ClaimKind.NETWORK,
        change.network.name,
        f"network {change.network.name} changed and has to be recreated, but container "
        f"{guest.name} is on it: {container_summary.sentence(world, guest)}",
        f"`docker network disconnect {change.network.name} {guest.name}` disconnects it, and "
        f"`docker network connect {change.network.name} {guest.name}` connects it to the new "
        "network after the start; --force does the first step for you",
        because=(*change_evidence(change), *container_summary.evidence(world, guest)),
    )


def _asleep(change: ChangedNetwork, guest: Container) -> str:
    name = change.network.name
    return (
        f"container {guest.name}, not running, is on network {name}, which is recreated: before "
        f"it can start again, `docker network disconnect {name} {guest.name}` and "
        f"`docker network connect {name} {guest.name}`"
    )


def foreign(world: World, services: Iterable[str]) -> Iterator[str]:
    """Yield warnings about networks that are used although this project did not create them."""
    by_name = {network.name: network for network in world.engine.networks}
    for key in keys_of(world.model, services):
        resource = world.model.networks.get(key)
        network = by_name.get(resource.name) if resource and not resource.external else None
        if network and network.labels.get(PROJECT) != world.model.project:
            yield used_unchanged("network", network.name, network.labels)


# --- unused networks ------------------------------------------------------------------------


def unused(world: World, gone: frozenset[str]) -> tuple[Network, ...]:
    """This project's networks without containers, not counting those in ``gone`` (ids)."""
    return tuple(
        network
        for network in world.engine.networks
        if network.project == world.model.project
        and all(container.id in gone for container in on(world.engine, network))
    )


def pool_report(world: World) -> str:
    """A report for when no subnet is left: the networks without containers, by project, with size
    and age, which hold the engine's address pools. Networks of others are never removed."""
    empty: dict[str, list[Network]] = {}
    drivers = ("host", "null", "")
    networks = [
        network
        for network in world.engine.networks
        if network.driver not in drivers and network.name != "bridge"
    ]
    for network in networks:
        if not on(world.engine, network):
            empty.setdefault(network.labels.get(PROJECT, ""), []).append(network)
    count = sum(len(some) for some in empty.values())
    held = f"{len(networks)} networks hold its address pools"
    lines = [f"the engine has no free subnet left: {held}, and no container uses {count} of them"]
    for project, some in sorted(empty.items()):
        lines.append(f"  {f'project {project}' if project else 'created by hand'}:")
        lines += [f"    {one.name}  {_size(one)}  since {one.created[:19]}Z" for one in some]
    if count:
        names = " ".join(one.name for _, some in sorted(empty.items()) for one in some)
        lines.append(f"remove those that are no longer needed: docker network rm {names}")
    return "\n".join(lines)


def _size(network: Network) -> str:
    if not network.subnets:
        return "no subnet"
    parts = []
    for subnet in network.subnets:
        try:
            size = ipaddress.ip_network(subnet, strict=False)
        except ValueError:
            parts.append(subnet)
            continue
        parts.append(
            f"{subnet} ({size.num_addresses:,} addresses)" if size.version == 4 else subnet
        )
    return ", ".join(parts)
