"""The hashes by which Compose detects a changed definition, as its labels hold them.

``config --hash`` prints no hash of networks and volumes. For a service that refers to another
service's container, and for some features, it prints a hash that differs from the label. These
hashes are computed here, or learned from containers that Compose just created.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from composetasks.facts import Container, Engine, Model, Service
from composetasks.facts.engine import replicas_of
from composetasks.facts.model import NAMESPACES
from composetasks.run.compose import Compose
from composetasks.run.process import ProgramError
from composetasks.store import cache_entry, container_configs

GO_ESCAPES = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""Characters in strings that Go's encoding/json escapes and Python's json does not."""


def resource_hashes(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the hashes of all networks and volumes of a resolved model, by section and key."""
    networks, volumes = config.get("networks") or {}, config.get("volumes") or {}
    return {
        "networks": {key: resource_hash(section or {}) for key, section in networks.items()},
        "volumes": {
            key: resource_hash(_with_driver(section or {})) for key, section in volumes.items()
        },
    }


def resource_hash(section: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a definition's JSON in Go's format, with its fields in the order in
    which ``config --format json`` prints them (compose/hash.go; compared with the labels that
    Compose 5.6.1 writes)."""
    text = json.dumps(section, separators=(",", ":"), ensure_ascii=False)
    for character, escaped in GO_ESCAPES.items():
        text = text.replace(character, escaped)
    return hashlib.sha256(text.encode()).hexdigest()


def _with_driver(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume's definition with the default driver that Compose adds before hashing it."""
    if section.get("driver"):
        return dict(section)
    filled = {"name": section["name"]} if "name" in section else {}
    return {**filled, "driver": "local", **section}


DRY = ("--dry-run", "--ansi=never", "--progress=plain")
ANSWER_SECONDS = 20.0
RECREATED = re.compile(r"Container (\S+)\s+Recreate\b")


def with_asked_hashes(model: Model, engine: Engine, compose: Compose, cache: Path) -> Engine:
    """Return ``engine`` with an ``asked_hash`` for this project's containers: the hash that
    ``config --hash`` printed when they were created. It is used instead of the label's hash."""
    others = list(_others(model, engine.containers))
    if not others:
        return engine
    hashes = _load(cache)
    recorded = container_configs.load(cache, (one.config_hash for one in others))
    unknown = [one for one in others if one.config_hash not in {*hashes, *recorded}]
    if unknown:
        hashes = learn(model, _unchanged(model, unknown, compose), cache)
    return replace(
        engine,
        containers=tuple(
            replace(container, asked_hash=hashes.get(container.config_hash, ""))
            if container.project == model.project
            else container
            for container in engine.containers
        ),
    )


def learn(model: Model, containers: Iterable[Container], cache: Path) -> dict[str, str]:
    """Record that ``containers`` were created from the current model, and return all recorded
    hashes by label."""
    services = {one.config_hash: model.services[one.service] for one in _others(model, containers)}
    hashes = _load(cache)
    if services:
        hashes |= {label: service.config_hash for label, service in services.items()}
        cache_entry.save(_place(cache), hashes)
        for service in services.values():
            container_configs.save(cache, service.config_hash, service.config)
    return hashes


def _others(model: Model, containers: Iterable[Container]) -> Iterator[Container]:
    """Yield the containers whose label differs from their service's current hash."""
    for replica in replicas_of(containers, model.project):
        service = model.services.get(replica.service)
        if service is not None and replica.config_hash != service.config_hash:
            yield replica


def _unchanged(
    model: Model, containers: Iterable[Container], compose: Compose
) -> Iterator[Container]:
    """Yield the containers that Compose would not recreate.

    Services with providers are left out, because Compose runs the providers even for a dry run, and
    so are services that cannot be started.
    """
    candidates = [
        container
        for container in containers
        if container.service not in model.faults and not model.providers_of(container.service)
    ]
    if not candidates:
        return
    # Use --no-start even for the dry run: a dry run waits forever for a hook to end (5.6.1).
    options = ("--no-start", "--no-build", "--no-deps", "--pull=never", "--remove-orphans=false")
    services = sorted({one.service for one in candidates})
    try:
        done = compose.run(*DRY, "up", *options, *services, timeout=ANSWER_SECONDS)
    except ProgramError:
        return
    # With COMPOSE_STATUS_STDOUT the status of each container is on the other stream.
    recreated = set(RECREATED.findall(done.stdout + done.stderr))
    yield from (one for one in candidates if one.name not in recreated)


def _load(cache: Path) -> dict[str, str]:
    return cache_entry.load(_place(cache), cache_entry.as_texts) or {}


def _place(cache: Path) -> Path:
    return cache / "labels.json"


def with_resolved_hashes(
    model: Model, containers: Iterable[Container], compose: Compose, cache: Path
) -> Model:
    """Return ``model`` with the hashes that up-to-date containers of its services carry."""
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
    """Return the fields of a service that refer to containers, with container ids in place of
    service names.

    Empty if there are no such fields, or if a referenced service has no container yet (any hash
    differs then).
    """
    fields: dict[str, Any] = {}
    sources = [str(one) for one in config.get("volumes_from") or ()]
    if sources:
        references = [
            source.split(":")[1]
            if source.startswith("container:")
            else ids.get(source.split(":")[0])
            for source in sources
        ]
        if not all(references):
            return {}
        fields["volumes_from"] = references
    for field in NAMESPACES:
        kind, _, name = str(config.get(field) or "").partition(":")
        if kind == "service":
            if name not in ids:
                return {}
            fields[field] = f"container:{ids[name]}"
    return fields


def _first_ids(model: Model, containers: Iterable[Container]) -> dict[str, str]:
    """Return the id of each service's first container by name, as Compose does."""
    first: dict[str, Container] = {}
    for container in sorted(
        replicas_of(containers, model.project), key=lambda replica: replica.name
    ):
        first.setdefault(container.service, container)
    return {name: one.id for name, one in first.items()}


def _hashes(
    model: Model, filled: Mapping[str, Mapping[str, Any]], compose: Compose, cache: Path
) -> dict[str, str]:
    place = cache / "resolved-hashes.json"
    cached = cache_entry.load(place, cache_entry.as_texts) or {}
    keys = {name: _key(compose, model.services[name], fields) for name, fields in filled.items()}
    missing = {name: filled[name] for name, key in keys.items() if key not in cached}
    if missing:
        answered = _ask_compose(model, missing, compose)
        cached = {keys[name]: answered[name] for name in missing if name in answered} | {
            key: cached[key] for key in keys.values() if key in cached
        }
        cache_entry.save(place, cached)
    return {name: cached[key] for name, key in keys.items() if key in cached}


def _key(compose: Compose, service: Service, fields: Mapping[str, Any]) -> str:
    text = json.dumps([compose.identity(), service.config_hash, fields])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _ask_compose(
    model: Model, filled: Mapping[str, Mapping[str, Any]], compose: Compose
) -> dict[str, str]:
    """Ask Compose for hashes with an override file that contains the container ids."""
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
            # Without the consistency check, which does not accept a container id as a service.
            arguments = ("--profile", "*", "config", "--no-consistency", "--hash", "*")
            output = asking.run(*arguments).stdout
    except (ProgramError, OSError):  # no space for a temporary file, for example
        return {}
    return by_service(output)


def by_service(output: str) -> dict[str, str]:
    """Return the hashes that ``config --hash "*"`` prints, one line for each service."""
    return dict(line.split(" ", 1) for line in output.splitlines() if " " in line)
