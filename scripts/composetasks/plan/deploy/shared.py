"""What the services of a stack file share: networks, volumes, configs and secrets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any


def shared_resources(config: Mapping[str, Any], services: Mapping[str, Any]) -> dict[str, Any]:
    """The networks, volumes, configs and secrets that the translated ``services`` use."""
    networks = _used(services, lambda one: one.get("networks", ()))
    volumes = _used(services, lambda one: (v.get("source", "") for v in one.get("volumes", ())))
    sections: dict[str, Any] = {
        "networks": {
            key: _network(key, network, config)
            for key, network in _of(config, "networks", networks)
        },
        "volumes": {key: _volume(key, one, config) for key, one in _of(config, "volumes", volumes)},
    }
    for kind in ("configs", "secrets"):
        names = _used(services, lambda one, kind=kind: (o["source"] for o in one.get(kind, ())))
        sections[kind] = {name: {"external": True, "name": name} for name in sorted(names)}
    return {kind: entries for kind, entries in sections.items() if entries}


def _used(services: Mapping[str, Any], names: Any) -> set[str]:
    return {str(name) for one in services.values() for name in names(one)}


def _of(
    config: Mapping[str, Any], kind: str, names: Collection[str]
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return ((key, one or {}) for key, one in (config.get(kind) or {}).items() if key in names)


def _own_name(key: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The name if the model sets one; the stack replaces names that Compose generated."""
    name = entry.get("name")
    return {"name": name} if name and name != f"{config.get('name')}_{key}" else {}


def _network(key: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    if entry.get("external"):
        return {"external": True, "name": entry.get("name") or key}
    driver = str(entry.get("driver") or "bridge")
    subnets = [
        {"subnet": pool["subnet"]}
        for pool in (entry.get("ipam") or {}).get("config") or ()
        if pool.get("subnet")
    ]
    return {
        "driver": "overlay" if driver == "bridge" else driver,
        **_own_name(key, entry, config),
        **{word: True for word in ("attachable", "internal") if entry.get(word)},
        **({"driver_opts": entry["driver_opts"]} if _opts_count(entry) else {}),
        **({"ipam": {"config": subnets}} if subnets else {}),
        **({"labels": entry["labels"]} if entry.get("labels") else {}),
    }


def _opts_count(entry: Mapping[str, Any]) -> bool:
    """Whether a network's options are meant for the driver that it will have."""
    return bool(entry.get("driver_opts")) and entry.get("driver") not in (None, "", "bridge")


def _volume(key: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    if entry.get("external"):
        return {"external": True, "name": entry.get("name") or key}
    given = {word: entry[word] for word in ("driver", "driver_opts", "labels") if entry.get(word)}
    return {**_own_name(key, entry, config), **given}


def network_warnings(config: Mapping[str, Any], services: Mapping[str, Any]) -> Iterator[str]:
    """Warnings about network options that Swarm does not support."""
    used = _used(services, lambda one: one.get("networks", ()))
    for key, entry in _of(config, "networks", used):
        lost = [word for word in ("enable_ipv6", "enable_ipv4") if entry.get(word)]
        lost += ["driver_opts"] if entry.get("driver_opts") and not _opts_count(entry) else []
        if lost and not entry.get("external"):
            yield f"network {key}: Swarm has no {', '.join(lost)}; ignored"
