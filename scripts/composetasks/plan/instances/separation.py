"""What two copies of a model would share, and how an instance gets its own: volumes that represent
host folders, external volumes, fixed subnets and addresses, bridge names, and names by which
containers are found."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from composetasks.facts import InCommon, Model, Resource, Service, bind_device
from composetasks.facts.model import NAMESPACES
from composetasks.plan.conflicts.addresses import FIELDS, pools, subnets
from composetasks.plan.conflicts.networks import keys_of, users
from composetasks.plan.conflicts.volumes import options_of, used

BRIDGE_NAME = "com.docker.network.bridge.name"
OF_THE_LAN = ("macvlan", "ipvlan")
"""Drivers whose networks belong to the host: an interface can have only one of each."""
IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
NOT_VALUES = ("networks", "ports", "build", "develop")
"""Sections of a service without addresses that are passed to its programs."""


# --- volumes --------------------------------------------------------------------------------


def own_volumes(model: Model, shared: Collection[str]) -> tuple[str, ...]:
    """The volumes that get a copy for each instance although their names alone would not separate
    them: writable ones that are external or represent a host folder."""
    return tuple(
        key
        for key in written(model)
        if key not in shared and (model.volumes[key].external or folder_of(model.volumes[key]))
    )


def written(model: Model) -> tuple[str, ...]:
    """The volumes that some service may write to."""
    return tuple(
        key
        for key in used(model, model.services)
        if any(
            mount.type == "volume" and mount.source == key and not mount.read_only
            for service in model.services.values()
            for mount in service.mounts
        )
    )


def folder_of(resource: Resource) -> str:
    """The host folder that a volume represents, "" for none."""
    device = bind_device(options_of(resource))
    return "" if device.startswith("/dev/") else device


def _elsewhere(resource: Resource) -> bool:
    """Whether a volume's data is on a separate device: a disk or a network share."""
    options = options_of(resource)
    return "device" in options and not folder_of(resource) and options.get("type") != "tmpfs"


# --- networks and addresses -----------------------------------------------------------------


def own_network(resource: Resource, reset: Any) -> dict[str, Any]:
    """An instance's changes to a network: the engine chooses its subnet, and its bridge has no
    fixed name. ``reset`` marks a field to remove."""
    section: dict[str, Any] = {}
    if pools(resource) and resource.config.get("driver") not in OF_THE_LAN:
        section["ipam"] = reset
    if BRIDGE_NAME in options_of(resource):
        section["driver_opts"] = {BRIDGE_NAME: reset}
    return section


def own_attachments(model: Model, service: Service, reset: Any) -> dict[str, Any]:
    """An instance's changes to a service's networks: no fixed address and, on the instance's own
    networks, the container's fixed name as an alias, since others may use it."""
    name = service.config.get("container_name")
    attachments: dict[str, Any] = {}
    for key, attachment in (service.config.get("networks") or {}).items():
        network = model.networks.get(key)
        external = network is not None and network.external
        fixed = (*FIELDS, "mac_address") if external else FIELDS
        section: dict[str, Any] = {one: reset for one in fixed if one in (attachment or {})}
        if name and not external:
            section["aliases"] = [name]
        if section:
            attachments[key] = section
    return attachments


def own_namespaces(model: Model, service: Service) -> dict[str, str]:
    """``container:NAME``, if NAME is the fixed name of another service of the model, replaced by
    that service in the same copy."""
    named = {one.config.get("container_name"): key for key, one in model.services.items()}
    modes = {field: str(service.config.get(field) or "") for field in NAMESPACES}
    return {
        field: f"service:{named[mode.removeprefix('container:')]}"
        for field, mode in modes.items()
        if mode.startswith("container:") and mode.removeprefix("container:") in named
    }


# --- what can't be separate -----------------------------------------------------------------


def in_common(model: Model, shared: Collection[str]) -> Iterator[InCommon]:
    """Yield what an instance of ``model`` can't have a copy of, except volumes in ``shared``."""
    for key in written(model):
        resource = model.volumes[key]
        if key not in shared and not resource.external and _elsewhere(resource):
            yield InCommon(
                kind="volume",
                name=key,
                services=tuple(used(model, model.services)[key]),
                reason=f"its data is at {options_of(resource)['device']} for every copy",
                hint=f"`stack.state` lets all copies use it ({{{key!r}: {{'shared': True}}}}); or "
                "a variable in its driver_opts gives each its own",
            )
    for key in keys_of(model, model.services):
        network = model.networks.get(key)
        if network and not network.external and network.config.get("driver") in OF_THE_LAN:
            yield InCommon(
                kind="network",
                name=key,
                services=users(model, model.services, key),
                reason=f"a {network.config['driver']} network is tied to an interface of "
                "the host, which can have only one",
                hint="create it once with `docker network create`, and set "
                f"networks.{key}.external",
            )
    yield from _written_addresses(model)


def _written_addresses(model: Model) -> Iterator[InCommon]:
    """Yield fixed addresses that are passed to programs: in an instance they differ."""
    fixed = [
        (key, subnet)
        for key in keys_of(model, model.services)
        if (network := model.networks.get(key)) and not network.external
        for subnet in subnets(None, network)
    ]
    for service in model.services.values():
        values = {key: one for key, one in service.config.items() if key not in NOT_VALUES}
        for field, text in _texts(values):
            for address in IPV4.findall(text):
                key = next((key for key, subnet in fixed if _in(address, subnet)), "")
                if key:
                    yield InCommon(
                        kind="address",
                        name=address,
                        services=(service.name,),
                        reason=f"{field} names it, and an instance's network {key} has another "
                        "subnet",
                        hint="use the name of the service that has the address: "
                        "services find each other by name",
                    )


def _in(address: str, subnet: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(address) in subnet
    except ValueError:
        return False


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string of a configuration with its path: ``environment.DB_HOST``."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _texts(entry, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry, path)
    elif isinstance(value, str):
        yield path, value
