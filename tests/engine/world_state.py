"""The engine's whole state as far as it concerns one project, to be compared before and after.

Everything is in it that inspecting tells of the project's containers, images, networks and
volumes (of other projects' and tests' things only those whose name begins like the project's),
and a digest of what each volume holds. What changes by itself, the log of health checks and how
long ago something was, is left out.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.engine.busybox import TAG

if TYPE_CHECKING:
    from docker import APIClient

PROJECT = "com.docker.compose.project"
MOVING = ("Health", "Log", "ResolvConfPath")
"""Fields of inspect records that change although nothing was done."""


def world_state(client: APIClient, project: str) -> dict[str, Any]:
    """Everything of a project on the engine, keyed by kind and name."""
    state: dict[str, Any] = {}
    for record in client.containers(all=True):
        names = [name.lstrip("/") for name in record["Names"]]
        if _concerns(project, record.get("Labels"), names):
            state[f"container {names[0]}"] = _still(client.inspect_container(record["Id"]))
    for record in client.networks():
        if _concerns(project, record.get("Labels"), [record["Name"]]):
            state[f"network {record['Name']}"] = _still(client.inspect_network(record["Id"]))
    for record in client.volumes()["Volumes"] or ():
        if _concerns(project, record.get("Labels"), [record["Name"]]):
            state[f"volume {record['Name']}"] = {
                **record,
                "content": content(client, record["Name"]),
            }
    for record in client.images():
        for tag in record.get("RepoTags") or ():
            if tag.startswith(project):
                state[f"image {tag}"] = record
    return state


def _concerns(project: str, labels: dict[str, str] | None, names: list[str]) -> bool:
    return (labels or {}).get(PROJECT) == project or any(one.startswith(project) for one in names)


def _still(record: Any) -> Any:
    if isinstance(record, dict):
        return {key: _still(value) for key, value in record.items() if key not in MOVING}
    return [_still(one) for one in record] if isinstance(record, list) else record


def content(client: APIClient, volume: str) -> str:
    """A digest of a volume's content: names, modes, owners, times and bytes.

    Read as an archive through a container that is created and never started."""
    host = client.create_host_config(binds={volume: {"bind": "/content", "mode": "ro"}})
    made = client.create_container(TAG, command=["true"], host_config=host)
    try:
        chunks, _ = client.get_archive(made["Id"], "/content")
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        return digest.hexdigest()
    finally:
        client.remove_container(made["Id"], force=True)


def files_below(folder: Path) -> dict[str, str]:
    """A digest of each file below a folder but ``.composetasks`` (what is kept for speed)."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".composetasks" not in path.parts
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs between two states, one line for each thing."""
    return [
        f"{key}: {json.dumps(before.get(key))} -> {json.dumps(after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
