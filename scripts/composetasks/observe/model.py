"""The Compose model, as Compose itself resolves it, turned into facts.

``docker compose config`` is asked once, and its answer is remembered for as long as nothing that
it was made from has changed.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

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
from composetasks.facts.dollars import doubled, undoubled
from composetasks.observe import remembered, sources
from composetasks.observe.contents import inline_configs
from composetasks.observe.hashes import resource_hashes
from composetasks.run import made, masking
from composetasks.run.compose import Compose
from composetasks.run.failure import TaskFailure
from composetasks.run.outside import understood
from composetasks.run.process import ProgramError
from composetasks.run.secret_values import declared


def load_model(compose: Compose, cache: Path, *, all_profiles: bool = False) -> Model:
    """The model of the project that ``compose`` addresses.

    With ``all_profiles`` every service is active. Raises TaskFailure, code 6, with Compose's own
    message where the model is invalid, and where there is no compose file.
    """
    files = sources.compose_files(compose.folder, compose.files, compose.environment)
    if not files:
        raise TaskFailure(
            f"no compose file in {compose.folder} or above",
            code=ExitCode.INVALID,
            hint="create compose.yaml, or name the files in COMPOSE_FILE or stack.files",
        )
    options = ("--profile", "*") if all_profiles else ()
    asked = (*options, "config")
    known = remembered.recall(compose, cache, asked, partial(_model, compose=compose, files=files))
    if known is not None:
        return known
    answer = _asked(compose, options, made.digest_key(cache))
    with understood("Compose's answer", ExitCode.INVALID):
        model = _model(answer, compose, files)
    remembered.remember(compose, cache, asked, answer)
    return model


# --- asking -----------------------------------------------------------------------------------


def _asked(compose: Compose, options: tuple[str, ...], key: bytes) -> dict[str, Any]:
    spelled = None
    try:
        try:
            done = compose.run(*options, "config", "--format", "json")
            config = json.loads(undoubled(done.stdout))
        except (ProgramError, ValueError):
            # Seen with Compose 5.6.1: JSON fails for build.ssh with a path, where YAML does not.
            done = compose.run(*options, "config")
            config = _yaml(undoubled(done.stdout))
            spelled = _as_json(compose, options, config)
        hashes = compose.run(*options, "config", "--hash", "*")
    except ProgramError as error:
        raise TaskFailure(
            "the Compose model is invalid",
            code=ExitCode.INVALID,
            detail=error.stderr.strip() or str(error),
            hint="`docker compose config -q` shows the same; correct the file it names",
        ) from error
    # Where another profile's services are broken, they are no reason to fail.
    every = compose.run("--profile", "*", "config", "--services", check=False)
    with understood("Compose's answer", ExitCode.INVALID):
        return _answer(config, key, hashes.stdout, every.stdout, done.stderr, spelled)


def _answer(
    config: dict[str, Any],
    key: bytes,
    hashes: str,
    every: str,
    said: str,
    spelled: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What is kept of Compose's answers; ``spelled`` is the JSON form of one that came as YAML."""
    literal = _hide_literals(config)
    return {
        "inactive": sorted(set(every.split()) - set(config.get("services") or {})),
        # Secrets end here: no fact, plan, cache or run folder ever holds one.
        "config": made.mask(config, key),
        "secrets": {**_secret_sources(config), "literal": literal},
        "resource_hashes": resource_hashes(config if spelled is None else spelled),
        "inline": inline_configs(config, key),
        "hashes": dict(line.split(" ", 1) for line in hashes.splitlines() if " " in line),
        "warnings": [_warning(line) for line in said.splitlines() if line.strip()],
    }


def _hide_literals(config: dict[str, Any]) -> bool:
    """Mask, from now on, the secrets that stand in the model's own text; whether there are any
    that were not known from the environment."""
    found = {one for value in declared(config) for one in masking.spellings(value)}
    new = found - masking.hidden()
    masking.hide(new)
    return bool(new)


def hide_literals(compose: Compose) -> None:
    """Ask Compose for the model's text again, of which no secret is remembered, and mask from now
    on those that stand in it."""
    with contextlib.suppress(ProgramError, ValueError):
        done = compose.run("--profile", "*", "config", "--format", "json", check=False)
        _hide_literals(json.loads(undoubled(done.stdout)))


def _secret_sources(config: dict[str, Any]) -> dict[str, list[str]]:
    """The files and the variables whose contents the model declares to be secrets."""
    entries = [one or {} for one in (config.get("secrets") or {}).values()]
    return {
        kind: sorted({str(one[key]) for one in entries if one.get(key)})
        for kind, key in (("files", "file"), ("variables", "environment"))
    }


def _warning(line: str) -> str:
    """Compose's warning without its logger's decoration."""
    said = re.search(r'msg="((?:[^"\\]|\\.)*)"', line)
    return said[1].replace('\\"', '"') if said else line.strip()


def _yaml(text: str) -> dict[str, Any]:
    import yaml

    loaded = yaml.safe_load(text)
    return loaded if isinstance(loaded, dict) else {}


def _as_json(compose: Compose, options: tuple[str, ...], config: Any) -> dict[str, Any]:
    """A model that Compose printed as YAML, in its JSON without what that fails for: YAML leaves
    out empty fields that count for the hashes of networks."""
    services = {
        name: {key: value for key, value in (section or {}).items() if key != "build"}
        for name, section in (config.get("services") or {}).items()
    }
    # Without a build, an image that is only built has no name; it counts for no hash here.
    named = {name: {"image": "none", **section} for name, section in services.items()}
    resolved = json.dumps(doubled({**config, "services": named}))
    done = compose.run(*options, "-f", "-", "config", "--format", "json", stdin=resolved)
    with understood("Compose's answer", ExitCode.INVALID):
        answer: dict[str, Any] = json.loads(undoubled(done.stdout))
        return answer


# --- from Compose's answer to facts ---------------------------------------------------------


def _model(answer: dict[str, Any], compose: Compose, files: tuple[Path, ...]) -> Model:
    config, hashes = answer["config"], answer["hashes"]
    project = str(config.get("name", ""))
    services = {
        name: replace(
            _service(name, section, project, hashes.get(name, "")),
            inline=answer["inline"].get(name, {}),
            needs=tuple(_needs(section, config)),
        )
        for name, section in (config.get("services") or {}).items()
    }
    return Model(
        project=project,
        directory=files[0].parent,
        files=files,
        services={name: services[name] for name in _ordered(services)},
        networks=_resources(config, "networks", answer),
        volumes=_resources(config, "volumes", answer),
        inactive=tuple(answer["inactive"]),
        warnings=tuple(answer["warnings"]),
        secret_files=tuple(answer["secrets"]["files"]),
        secret_variables=tuple(answer["secrets"]["variables"]),
        literal_secrets=bool(answer["secrets"]["literal"]),
    )


def _resources(config: Any, section: str, answer: Mapping[str, Any]) -> dict[str, Resource]:
    hashes = answer["resource_hashes"][section]
    return {
        key: Resource(
            key=key,
            name=str((one or {}).get("name") or f"{config.get('name', '')}_{key}"),
            external=bool((one or {}).get("external")),
            config=one or {},
            config_hash=hashes.get(key, ""),
        )
        for key, one in sorted((config.get(section) or {}).items())
    }


def _service(name: str, section: dict[str, Any], project: str, config_hash: str) -> Service:
    deploy = section.get("deploy") or {}
    replicas = int(deploy.get("replicas", section.get("scale", 1)))
    fixed = section.get("container_name")
    names = [str(fixed)] if fixed else [f"{project}-{name}-{n}" for n in range(1, replicas + 1)]
    build = section.get("build")
    check = section.get("healthcheck") or {}
    return Service(
        name=name,
        image=str(section.get("image") or f"{project}-{name}"),
        config_hash=config_hash,
        container_names=tuple(names if replicas else ()),
        config=section,
        build=_build(build) if build else None,
        ports=tuple(_port(entry) for entry in section.get("ports") or ()),
        depends_on=tuple(
            Dependency(
                service=other,
                condition=str(entry.get("condition", "service_started")),
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


def _needs(section: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """The bind mounts' sources that Compose is told not to make, devices, and the files of secrets
    and configs."""
    for entry in section.get("volumes") or ():
        made = (entry.get("bind") or {}).get("create_host_path", True)
        if entry.get("type") == "bind" and not made:
            yield str(entry["source"])
    for entry in section.get("devices") or ():
        # Others are names of the Container Device Interface: "vendor.com/gpu=all".
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
    return Port(
        target=int(entry["target"]),
        published=(int(first), int(last or first)) if first and first != "0" else None,
        host_ip=str(entry.get("host_ip") or ""),
        protocol=str(entry.get("protocol") or "tcp"),
    )


def _ordered(services: Mapping[str, Service]) -> list[str]:
    """Names with what others depend on first, by name where nothing decides (Compose refuses
    cycles before we see them)."""
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
