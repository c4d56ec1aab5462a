"""A stack in a swarm: its services, and the records of its deployments.

A record is a config object of the stack: everybody who deploys sees the same records, and removing
the stack removes them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from composetasks.facts import ExitCode, Revision, StackFile, Swarm, SwarmService
from composetasks.facts.deploy import CHECK, LARGEST, NAMESPACE, REVISION
from composetasks.observe.doctor.machine import lacks_ipvs
from composetasks.observe.engine.local import is_here
from composetasks.run import masking
from composetasks.run.external_failures import parsing
from composetasks.run.failure import TaskFailure
from composetasks.run.secret_values import declared
from composetasks.store.container_configs import mask


def nodes_of(client: Any) -> dict[str, str]:
    """Return the names of a swarm's nodes, by their ids. Raises as :func:`_nodes` does."""
    return {str(one["ID"]): str(one["Description"]["Hostname"]) for one in _nodes(client)}


def _nodes(client: Any) -> list[dict[str, Any]]:
    """Return the engine's records of a swarm's nodes. Raises TaskFailure, code 5, if the engine is
    not a manager of a swarm."""
    from docker import errors

    try:
        nodes: list[dict[str, Any]] = client.nodes()
    except errors.APIError as error:
        raise TaskFailure(
            "the engine is not a swarm manager",
            code=ExitCode.NO_ENGINE,
            detail=str(error.explanation or error),
            hint="create a swarm there with `docker swarm init`, or set stack.deploy.context to "
            "the docker context of a manager",
        ) from error
    return nodes


def _attributes(node: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes of a node that constraints can compare, by their constraint names."""
    spec, description = node["Spec"], node["Description"]
    engine = (description.get("Engine") or {}).get("Labels") or {}
    return {
        "node.id": str(node["ID"]),
        "node.hostname": str(description["Hostname"]),
        "node.role": str(spec["Role"]),
        **{f"node.labels.{name}": str(text) for name, text in (spec.get("Labels") or {}).items()},
        **{f"engine.labels.{name}": str(text) for name, text in engine.items()},
    }


def observe_swarm(client: Any, stack: str, key: bytes, *, local: bool) -> Swarm:
    """Observe ``stack`` in the swarm. ``key`` is the key of the digests that replace secrets;
    ``local`` is true if the swarm's engine is also the one that builds."""
    nodes, configs = _nodes(client), client.configs()
    return Swarm(
        stack=stack,
        services={one.name: one for one in _services(client, stack, key)},
        revisions=tuple(_revisions(configs, stack, key)),
        nodes=len(nodes),
        local=local and len(nodes) == 1,
        configs=_names(configs),
        secrets=_names(client.secrets()),
        networks=frozenset(
            str(network["Name"]) for network in client.networks() if network.get("Scope") == "swarm"
        ),
        attributes=tuple(map(_attributes, nodes)),
        unbalanced=local and len(nodes) == 1 and is_here(client.base_url) and lacks_ipvs(),
    )


def of_stack(stack: str) -> dict[str, str]:
    """Return the filter for objects of a stack."""
    return {"label": f"{NAMESPACE}={stack}"}


def digest(spec: Any) -> str:
    """Return the digest of a spec, in the form that the engine returned."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


def _names(objects: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(str(one["Spec"]["Name"]) for one in objects)


def services_of(client: Any, stack: str) -> dict[str, dict[str, Any]]:
    """Return the engine's records of a stack's services, by their names in the stack file, without
    the jobs that check the stack."""
    services = client.services(filters=of_stack(stack))
    return {
        str(record["Spec"]["Name"]).removeprefix(f"{stack}_"): record
        for record in sorted(services, key=lambda one: str(one["Spec"]["Name"]))
        if CHECK not in (record["Spec"].get("Labels") or {})
    }


def task_name(task: Mapping[str, Any], service: str) -> str:
    """Return the name of a task as ``docker service ps`` shows it."""
    place = task.get("Slot") or task.get("NodeID") or ""
    return f"{service}.{place}" if place else service


def _services(client: Any, stack: str, key: bytes) -> Iterable[SwarmService]:
    for name, record in services_of(client, stack).items():
        spec, before = record["Spec"], record.get("PreviousSpec")
        yield SwarmService(
            name=name,
            id=str(record["ID"]),
            digest=digest(spec),
            before=digest(before) if before else "",
            spec=_masked(spec, key),
            spec_before=_masked(before or {}, key),
        )


def _masked(spec: Mapping[str, Any], key: bytes) -> Mapping[str, Any]:
    """Return a spec without secrets, wherever they occur in it."""
    masked: Mapping[str, Any] = mask({"environment": spec}, key)["environment"]
    return masked


def _revisions(configs: Iterable[Mapping[str, Any]], stack: str, key: bytes) -> list[Revision]:
    revisions = []
    for config in configs:
        labels = config["Spec"].get("Labels") or {}
        if labels.get(NAMESPACE) != stack or REVISION not in labels:
            continue
        with parsing(f"the revision {config['Spec']['Name']} of the swarm", ExitCode.FAILED):
            revisions.append(_revision(config, int(labels[REVISION]), key))
    return sorted(revisions, key=lambda one: one.number)


def packed(record: Mapping[str, Any]) -> bytes:
    """Return the record of a deployment as config data: JSON, compressed if Swarm would refuse it
    otherwise."""
    data = json.dumps(record).encode()
    return gzip.compress(data) if len(data) > LARGEST["configs"] else data


def unpacked(data: bytes) -> dict[str, Any]:
    """Return the record in data of :func:`packed`. Raises ValueError for other data."""
    try:
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(str(error)) from error
    record: dict[str, Any] = json.loads(data)
    return record


def _revision(config: Mapping[str, Any], number: int, key: bytes) -> Revision:
    record = unpacked(base64.b64decode(config["Spec"]["Data"]))
    # As with the model, values that the file declares to be secrets are masked everywhere.
    masking.hide_all(declared(record["file"]))
    return Revision(
        number=number,
        who=str(record["who"]),
        when=str(record["when"]),
        file=StackFile(mask(record["file"], key)),
        raw=record["file"],
        specs=record["specs"],
        id=str(config["ID"]),
    )
