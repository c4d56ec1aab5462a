"""Turn the Compose model, as Compose resolves it, into facts.

``docker compose config`` runs once; its answer is cached until something changes that it was made
from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from composetasks.facts import (
    Build,
    Dependency,
    ExitCode,
    Model,
    Mount,
    Port,
    Resource,
    Service,
)
from composetasks.facts.model import STARTED
from composetasks.observe.compose import remembered, sources
from composetasks.observe.compose.config import ask
from composetasks.run.compose import Compose
from composetasks.run.external_failures import parsing
from composetasks.run.failure import TaskFailure
from composetasks.store import container_configs

MOST_REPLICAS = 65_534
"""The number of addresses in the network that Docker creates for a project (a /16); each container
needs one. A larger number is a typing error and is reported instead of counted up to."""
LAST_PORT = 65_535


def load_model(compose: Compose, cache: Path, *, all_profiles: bool = False) -> Model:
    """Return the model of the project that ``compose`` addresses.

    With ``all_profiles`` every service is active. Raises TaskFailure, code 6, if the model is
    invalid (with Compose's own message) or there is no compose file.
    """
    files = sources.compose_files(compose.folder, compose.files, compose.environment)
    if not files:
        raise sources.no_compose_file(compose.folder)
    question = ("every profile" if all_profiles else "active profiles",)
    cached = remembered.recall(compose, cache, question, partial(_model, files=files))
    if cached is not None:
        return cached
    for path in sources.pipes(files, compose.folder, compose.environment):
        what = "standard input" if path.name == sources.STDIN else f"{path} is a named pipe: it"
        raise TaskFailure(
            f"{what} can be read only once, but is needed several times",
            code=ExitCode.INVALID,
            hint="put its content into a regular file",
        )
    answer = ask(compose, files, container_configs.digest_key(cache), all_profiles=all_profiles)
    with parsing("Compose's answer", ExitCode.INVALID):
        model = _model(answer, files)
    remembered.remember(compose, cache, question, answer)
    return model


def _model(answer: dict[str, Any], files: tuple[Path, ...]) -> Model:
    config, hashes = answer["config"], answer["hashes"]
    named = NameParts(str(config.get("name", "")), answer["separator"])
    services = {
        name: replace(
            _service(name, section, named, hashes.get(name, "")),
            inline=answer["inline"].get(name, {}),
            needs=tuple(_needs(section, config)),
        )
        for name, section in (config.get("services") or {}).items()
    }
    return Model(
        project=named.project,
        separator=named.separator,
        directory=files[0].parent,
        files=files,
        services={name: services[name] for name in _ordered(services)},
        networks=_resources(config, "networks", answer),
        volumes=_resources(config, "volumes", answer),
        inactive={
            name: _service(name, section, named, "")
            for name, section in sorted(answer["inactive"].items())
        },
        faults={**dict(_too_many(config)), **answer["faults"]},
        cures=answer["cures"],
        warnings=tuple(answer["warnings"]),
        content_files={
            kind: {
                key: str(content["file"])
                for key, content in (config.get(kind) or {}).items()
                if (content or {}).get("file")
            }
            for kind in ("configs", "secrets")
        },
        secret_files=tuple(answer["secrets"]["files"]),
        secret_variables=tuple(answer["secrets"]["variables"]),
        literal_secrets=bool(answer["secrets"]["literal"]),
    )


def _resources(config: Any, section: str, answer: Mapping[str, Any]) -> dict[str, Resource]:
    hashes = answer["resource_hashes"][section]
    return {
        key: Resource(
            key=key,
            name=str((resource or {}).get("name") or f"{config.get('name', '')}_{key}"),
            external=bool((resource or {}).get("external")),
            config=resource or {},
            config_hash=hashes.get(key, ""),
        )
        for key, resource in sorted((config.get(section) or {}).items())
    }


class NameParts(NamedTuple):
    """The parts of a container's name besides the service: the project, and the separator."""

    project: str
    separator: str


def _service(name: str, section: dict[str, Any], named: NameParts, config_hash: str) -> Service:
    replicas = min(_replicas(section), MOST_REPLICAS)
    fixed = section.get("container_name")
    stem = named.separator.join((named.project, name))
    numbered = [f"{stem}{named.separator}{n}" for n in range(1, replicas + 1)]
    names = [str(fixed)] if fixed else numbered
    if section.get("provider"):
        names = []
    build = section.get("build")
    check = section.get("healthcheck") or {}
    return Service(
        name=name,
        image=str(section.get("image") or stem),
        config_hash=config_hash,
        container_names=tuple(names if replicas else ()),
        config=section,
        build=_build(build) if build else None,
        ports=tuple(_port(entry) for entry in section.get("ports") or ()),
        depends_on=tuple(
            Dependency(
                service=other,
                condition=str(entry.get("condition", STARTED)),
                restart=bool(entry.get("restart")),
                required=bool(entry.get("required", True)),
            )
            for other, entry in sorted((section.get("depends_on") or {}).items())
        ),
        mounts=tuple(
            Mount(
                type=str(entry.get("type", "volume")),
                source=str(entry.get("source") or ""),
                target=str(entry.get("target", "")),
                read_only=bool(entry.get("read_only")),
            )
            for entry in section.get("volumes") or ()
        ),
        networks=tuple(sorted(map(str, section.get("networks") or ()))),
        restart=str(section.get("restart") or "no"),
        has_healthcheck=bool(check.get("test")) and not check.get("disable"),
    )


def _replicas(section: Mapping[str, Any]) -> int:
    return int((section.get("deploy") or {}).get("replicas", section.get("scale", 1)))


def _too_many(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, section in (config.get("services") or {}).items():
        if (replicas := _replicas(section)) > MOST_REPLICAS:
            yield name, f"{replicas} replicas are more than a network has addresses"


def _needs(section: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths that must exist: sources of bind mounts that Compose must not create,
    devices, and files of secrets and configs."""
    for entry in section.get("volumes") or ():
        creates = (entry.get("bind") or {}).get("create_host_path", True)
        if entry.get("type") == "bind" and not creates:
            yield str(entry["source"])
    for entry in section.get("devices") or ():
        # Other sources are names of the Container Device Interface: "vendor.com/gpu=all".
        if str(entry["source"]).startswith("/"):
            yield str(entry["source"])
    for kind in ("secrets", "configs"):
        for entry in section.get(kind) or ():
            named = (config.get(kind) or {}).get(entry["source"]) or {}
            if named.get("file"):
                yield str(named["file"])


def _build(section: dict[str, Any]) -> Build:
    return Build(
        context=str(section.get("context", ".")),
        dockerfile=str(section.get("dockerfile") or "Dockerfile"),
        definition=section,
    )


def _port(entry: dict[str, Any]) -> Port:
    published = str(entry.get("published") or "")
    first, _, last = published.partition("-")
    if int(last or first or 0) > LAST_PORT:
        raise ValueError(f"{last or first} is not a valid port")
    return Port(
        target=int(entry["target"]),
        published=(int(first), int(last or first)) if first and first != "0" else None,
        host_ip=str(entry.get("host_ip") or ""),
        protocol=str(entry.get("protocol") or "tcp"),
    )


def _ordered(services: Mapping[str, Service]) -> list[str]:
    """Return the names with dependencies first, and otherwise sorted (Compose has already refused
    cycles)."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order or name not in services:
            return
        for dependency in services[name].depends_on:
            visit(dependency.service)
        if name not in order:
            order.append(name)

    for name in sorted(services):
        visit(name)
    return order
