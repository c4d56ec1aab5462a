"""The override file that makes a second copy of the same stack possible on one engine.

The copy has its own project name, published ports, state folders, subnets, names of containers,
networks and volumes, and normal image tags. Tags with an input digest are shared by all copies, so
a second copy builds nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composetasks.facts import Model, Resource, Service
from composetasks.facts.dollars import doubled
from composetasks.plan.conflicts.instances import LONGEST
from composetasks.plan.instances import separation

NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{LONGEST - 1}}}")
"""The valid names of an instance, which become part of a Compose project name."""

PortKey = tuple[str, str, str, int, str]
"""Service, host address, published port (or range), container port, protocol."""


def project_name(model: Model, instance: str) -> str:
    """The Compose project name of an instance of ``model``."""
    return f"{model.project}-{instance}"


def published_ports(model: Model) -> list[PortKey]:
    """The published ports for which an instance needs free ones."""
    return [
        (name, port.host_ip, _range(*port.published), port.target, port.protocol)
        for name, service in model.services.items()
        for port in service.ports
        if port.published
    ]


def override(
    model: Model,
    instance: str,
    ports: Mapping[PortKey, int],
    folders: Mapping[str, Path],
    volumes: Mapping[str, Path | None],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """The override, as a mapping for :func:`dump`.

    ``ports`` gives each of :func:`published_ports` its port; ``folders`` maps the sources of bind
    mounts that hold state to the instance's own folders; ``volumes`` are the instance's own
    volumes, each with its host folder (None for an ordinary volume); ``labels`` are added to
    everything that is created.
    """
    return {
        "services": {
            name: _service(model, service, instance, ports, folders, labels)
            for name, service in model.services.items()
            if not service.provided
        },
        "networks": _networks(model, instance, labels),
        "volumes": _volumes(model, instance, labels, volumes),
    }


def _service(
    model: Model,
    service: Service,
    instance: str,
    ports: Mapping[PortKey, int],
    folders: Mapping[str, Path],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    section: dict[str, Any] = {
        "labels": dict(labels),
        **separation.own_namespaces(model, service),
    }
    if service.config.get("container_name"):
        section["container_name"] = Reset()
    attachments = separation.own_attachments(model, service, Reset())
    if attachments:
        section["networks"] = attachments
    if service.build:
        section["image"] = f"{_repository(service.image)}:{instance}"
    if service.ports:
        section["ports"] = Replace(
            [_port(service, entry, ports) for entry in service.config.get("ports") or ()]
        )
    moved = [
        {**entry, "source": str(folders[source])}
        for entry in service.config.get("volumes") or ()
        if entry.get("type") == "bind" and (source := str(entry.get("source"))) in folders
    ]
    if moved:
        section["volumes"] = moved
    return section


def _port(service: Service, entry: Mapping[str, Any], ports: Mapping[PortKey, int]) -> Any:
    key = (
        service.name,
        str(entry.get("host_ip") or ""),
        str(entry.get("published") or ""),
        int(entry["target"]),
        str(entry.get("protocol") or "tcp"),
    )
    if key not in ports:
        return dict(entry)
    return {**entry, "published": str(ports[key])}


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _networks(model: Model, instance: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """The instance's own networks; external networks are shared by all copies."""
    return {
        key: {
            **_named(model, resource, instance, labels),
            **separation.own_network(resource, Reset()),
        }
        for key, resource in model.networks.items()
        if not resource.external
    }


def _volumes(
    model: Model, instance: str, labels: Mapping[str, str], own: Mapping[str, Path | None]
) -> dict[str, Any]:
    """The instance's own volumes; other external volumes are shared by all copies."""
    volumes = {}
    for key, resource in model.volumes.items():
        if resource.external and key not in own:
            continue
        section = _named(model, resource, instance, labels)
        if resource.external:
            section["external"] = Reset()
        elif folder := own.get(key):
            section["driver_opts"] = {"device": str(folder)}
        volumes[key] = section
    return volumes


def _named(
    model: Model, resource: Resource, instance: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    """The labels of a network or volume and, for a fixed name, the instance's own."""
    fixed = resource.external or resource.name != f"{model.project}_{resource.key}"
    return {
        "labels": dict(labels),
        **({"name": f"{resource.name}-{instance}"} if fixed else {}),
    }


def _repository(image: str) -> str:
    head, slash, last = image.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


class Reset:
    """Compose's ``!reset``: removes what earlier files set."""


class Replace(list[Any]):
    """Compose's ``!override``: replaces what earlier files set, instead of adding to it."""


def dump(document: Any, indent: str = "") -> str:
    """A document as YAML, with Compose's two tags, all strings quoted as in JSON, and ``$`` doubled
    so that Compose reads each value unchanged."""
    if isinstance(document, Mapping):
        if not document:
            return " {}\n"
        lines = "".join(
            f"{indent}{_quoted(k)}:{dump(v, indent + '  ')}" for k, v in document.items()
        )
        return "\n" + lines
    if isinstance(document, Reset):
        return " !reset null\n"
    if isinstance(document, list):
        tag = " !override" if isinstance(document, Replace) else ""
        if not document:
            return f"{tag} []\n"
        return f"{tag}\n" + "".join(f"{indent}-{dump(one, indent + '  ')}" for one in document)
    return f" {_quoted(doubled(document))}\n"


def _quoted(value: Any) -> str:
    """JSON is valid YAML."""
    return json.dumps(value, ensure_ascii=False)
