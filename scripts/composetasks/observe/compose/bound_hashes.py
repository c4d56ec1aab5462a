"""Hashes of services bound to another service's container: ``network_mode: service:db`` and so on.

When Compose makes such a container it puts the other's id in the place of its name before it
hashes (compose/reconcile.go, serviceHashWithResolvedRefs), so ``config --hash`` never gives what
is on the label. Compose is asked for the hash with the ids filled in, once for each set of them.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from composetasks.facts import Container, Model, Service
from composetasks.run.compose import Compose
from composetasks.run.process import ProgramError
from composetasks.store import container_configs, memory

SHARED = ("network_mode", "ipc", "pid")
"""Fields whose value may be ``service:NAME``."""


def with_resolved_hashes(
    model: Model, containers: Iterable[Container], compose: Compose, cache: Path
) -> Model:
    """``model`` with the hashes that containers of its services carry when they are up to date."""
    ids = _first_ids(model, containers)
    filled = {
        name: fields
        for name, service in model.services.items()
        if (fields := resolved(service.config, ids))
    }
    if not filled:
        return model
    hashes = _hashes(model, filled, compose, cache)
    services = {
        name: replace(service, config_hash=hashes.get(name, service.config_hash))
        for name, service in model.services.items()
    }
    for name in hashes:
        container_configs.save(cache, services[name].config_hash, services[name].config)
    return replace(model, services=services)


def resolved(config: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a service that name containers, with ids in the place of services' names;
    empty where there are none, or where one has no container yet (any hash differs then)."""
    fields: dict[str, Any] = {}
    sources = [str(one) for one in config.get("volumes_from") or ()]
    if sources:
        found = [
            one.split(":")[1] if one.startswith("container:") else ids.get(one.split(":")[0])
            for one in sources
        ]
        if not all(found):
            return {}
        fields["volumes_from"] = found
    for field in SHARED:
        kind, _, name = str(config.get(field) or "").partition(":")
        if kind == "service":
            if name not in ids:
                return {}
            fields[field] = f"container:{ids[name]}"
    return fields


def _first_ids(model: Model, containers: Iterable[Container]) -> dict[str, str]:
    """The id of each service's first container by name, which is the one Compose takes."""
    first: dict[str, Container] = {}
    for one in sorted(containers, key=lambda container: container.name):
        if one.project == model.project and one.replica:
            first.setdefault(one.service, one)
    return {name: one.id for name, one in first.items()}


def _hashes(
    model: Model, filled: Mapping[str, Mapping[str, Any]], compose: Compose, cache: Path
) -> dict[str, str]:
    place = cache / "resolved-hashes.json"
    known = memory.recall(place, memory.as_texts) or {}
    keys = {name: _key(compose, model.services[name], fields) for name, fields in filled.items()}
    missing = {name: filled[name] for name, key in keys.items() if key not in known}
    if missing:
        answered = _asked(model, missing, compose)
        known = {keys[name]: answered[name] for name in missing if name in answered} | {
            key: known[key] for key in keys.values() if key in known
        }
        memory.keep(place, known)
    return {name: known[key] for name, key in keys.items() if key in known}


def _key(compose: Compose, service: Service, fields: Mapping[str, Any]) -> str:
    text = json.dumps([compose.identity(), service.config_hash, fields])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _asked(
    model: Model, filled: Mapping[str, Mapping[str, Any]], compose: Compose
) -> dict[str, str]:
    """Compose's hashes with an override file that fills the ids in."""
    lines = ["services:"]
    for name, fields in filled.items():
        lines.append(f"  {json.dumps(name)}:")
        for field, value in fields.items():
            tag = "!override " if isinstance(value, list) else ""
            lines.append(f"    {field}: {tag}{json.dumps(value)}")
    try:
        with tempfile.TemporaryDirectory(prefix="composetasks-") as place:
            override = Path(place, "ids.yaml")
            override.write_text("\n".join(lines) + "\n", "utf-8")
            asking = compose.with_files([*map(str, model.files), str(override)], compose.project)
            # Without the check for consistency, which knows no service by a container's id.
            arguments = ("--profile", "*", "config", "--no-consistency", "--hash", "*")
            said = asking.run(*arguments).stdout
    except ProgramError:
        return {}
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
