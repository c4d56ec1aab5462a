"""Fixed addresses: outside the network's subnets, reserved, or already in use.

The engine refuses them only when the container starts, after everything has been built.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from composetasks.facts import Blocker, Container, Evidence, ExitCode, Network, Resource, World
from composetasks.facts.frozen import frozen
from composetasks.plan.conflicts import networks
from composetasks.plan.conflicts.claims import Claim, ClaimKind, conflict
from composetasks.plan.conflicts.origin import Origin, origin

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
FIELDS = ("ipv4_address", "ipv6_address")


@frozen
class FixedAddress:
    """An address that the model gives to a service. ``network`` is the existing network that stays,
    None if the start creates it."""

    service: str
    resource: Resource
    network: Network | None
    address: Address


def fixed(world: World, services: Iterable[str]) -> tuple[FixedAddress, ...]:
    """The fixed addresses of ``services``."""
    starting = tuple(services)
    fixed_addresses = []
    for name in starting:
        attachments = world.model.services[name].config.get("networks")
        if not isinstance(attachments, Mapping) or not world.model.services[name].replicas:
            continue
        for key, attachment in attachments.items():
            resource = world.model.networks.get(key)
            addresses = [_address(str((attachment or {}).get(one) or "")) for one in FIELDS]
            if resource is not None:
                there = networks.staying(world, resource)
                fixed_addresses += [
                    FixedAddress(name, resource, there, one) for one in addresses if one
                ]
    return tuple(fixed_addresses)


def claims(world: World, services: Iterable[str]) -> Iterator[Claim]:
    """Yield claims on containers that have an address which one of ``services`` needs."""
    starting = tuple(services)
    for wanted in fixed(world, starting):
        if wanted.network is None:
            continue
        for container in world.engine.containers:
            has = map(_address, container.addresses.get(wanted.network.id, ()))
            if wanted.address in has and not _lets_go(world, container, wanted, starting):
                what = f"{wanted.address} on network {wanted.network.name}"
                yield Claim(ClaimKind.ADDRESS, what, wanted.service, container)


def _lets_go(
    world: World, container: Container, wanted: FixedAddress, starting: tuple[str, ...]
) -> bool:
    """Whether one of our services has the address and is recreated, or may keep it as its own."""
    if origin(world, container) is not Origin.OURS or container.service not in starting:
        return False
    holder = world.model.services[container.service]
    return holder.name == wanted.service or container.config_hash != holder.config_hash


def blockers(world: World, services: Iterable[str]) -> Iterator[Blocker]:
    """Yield blockers for addresses that no container can have, or that two containers need."""
    wanted: dict[tuple[str, Address], str] = {}
    for address in fixed(world, services):
        if reason := _impossible(address):
            yield _invalid(address, *reason)
            continue
        service = world.model.services[address.service]
        if world.model.awaits_end_of(address.service):
            continue  # The job may have ended before the other service starts.
        first = wanted.setdefault((address.resource.key, address.address), address.service)
        if first == address.service and service.replicas == 1:
            continue
        who = (
            f"the {service.replicas} replicas of service {first}"
            if first == address.service
            else f"services {first} and {address.service}"
        )
        yield conflict(
            "own-address",
            str(address.address),
            f"{who} want the same address {address.address} on network {address.resource.name}",
            "use the services' names instead of addresses, or give each service its own address",
            service=address.service,
            because=(Evidence(kind="address", name=str(address.address)),),
        )


def warnings(world: World, services: Iterable[str]) -> Iterator[str]:
    """Yield warnings about fixed addresses that the engine may first give to another service: it
    assigns the lowest addresses of a subnet first, and on a new network all of them are free."""
    starting = tuple(services)
    every = fixed(world, starting)
    placed = {(one.service, one.resource.key) for one in every}
    early = []
    for wanted in every:
        if wanted.network is not None or any(
            pool.get("ip_range") for pool in pools(wanted.resource)
        ):
            continue
        key = wanted.resource.key
        others = [
            name for name in networks.users(world.model, starting, key) if (name, key) not in placed
        ]
        given = sum(world.model.services[name].replicas for name in others)
        places = [
            int(wanted.address) - int(subnet.network_address)
            for subnet in subnets(None, wanted.resource)
            if wanted.address in subnet
        ]
        # The subnet's own address and the gateway's are lower.
        if given and places and places[0] < given + 2:
            early.append(f"{wanted.address} of {wanted.service}")
    if early:
        yield (
            f"{', '.join(early)}: the engine may assign an address this low to another service "
            "that starts earlier; set `ip_range` in the network's ipam.config to prevent that"
        )


def _impossible(wanted: FixedAddress) -> tuple[str, str] | None:
    """Why no container can have the address, and what to do; None if a container can have it."""
    ipam = wanted.resource.config.get("ipam") or {}
    if ipam.get("driver", "default") not in ("", "default"):
        return None  # Only that driver knows which addresses are possible.
    name, key, family = wanted.resource.name, wanted.resource.key, wanted.address.version
    ranges = subnets(wanted.network, wanted.resource)
    if not any(subnet.version == family for subnet in ranges):
        if wanted.network is not None:
            return None
        why = f"network {name}, which has no IPv{family} subnet of its own in the model"
        hint = f"add a subnet that contains it to networks.{key}.ipam.config"
        return f"wants the address {wanted.address} on {why}", hint
    if not any(wanted.address in subnet for subnet in ranges):
        there = ", ".join(map(str, ranges))
        return (
            f"wants the address {wanted.address}, which is not in network {name} ({there})",
            f"choose an address in {there}, or correct networks.{key}.ipam.config",
        )
    if wanted.address in _reserved(wanted):
        why = f"network {name} reserves for its gateway or as an auxiliary address"
        return f"wants the address {wanted.address}, which {why}", "choose another address"
    return None


def _invalid(wanted: FixedAddress, why: str, hint: str) -> Blocker:
    return Blocker(
        kind="address",
        target=str(wanted.address),
        message=f"service {wanted.service} {why}",
        hint=hint,
        code=ExitCode.INVALID,
        service=wanted.service,
        because=(Evidence(kind="address", name=str(wanted.address)),),
    )


def _reserved(wanted: FixedAddress) -> set[Address | None]:
    """Addresses that containers can't have: auxiliary ones, and gateways (set or the default)."""
    if wanted.network is not None:
        return set(map(_address, wanted.network.reserved))
    reserved: set[Address | None] = set()
    for pool in pools(wanted.resource):
        reserved.update(
            _address(str(extra)) for extra in (pool.get("aux_addresses") or {}).values()
        )
        gateway = str(pool.get("gateway") or "")
        subnet = _subnet(str(pool.get("subnet") or ""))
        if gateway:
            reserved.add(_address(gateway))
        elif subnet and _plain_bridge(wanted.resource) and not pool.get("ip_range"):
            reserved.add(subnet.network_address + 1)
    return reserved


def _plain_bridge(resource: Resource) -> bool:
    """Whether the network's gateway gets its subnet's first address (seen with Engine 28)."""
    config = resource.config
    return config.get("driver", "bridge") == "bridge" and not config.get("driver_opts")


def subnets(network: Network | None, resource: Resource) -> tuple[Subnet, ...]:
    """The subnets of an existing network, or those that the model declares."""
    named = (
        network.subnets
        if network is not None
        else tuple(str(pool.get("subnet") or "") for pool in pools(resource))
    )
    return tuple(subnet for one in named if (subnet := _subnet(one)))


def pools(resource: Resource) -> tuple[Mapping[str, Any], ...]:
    """The entries of a network's ``ipam.config``."""
    return tuple((resource.config.get("ipam") or {}).get("config") or ())


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _subnet(text: str) -> Subnet | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
