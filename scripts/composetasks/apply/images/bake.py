"""One image, built by ``docker buildx bake`` from the definition Compose itself would use:
docs/decisions/building-with-bake.md."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from composetasks.facts import ExitCode, Service, Shared
from composetasks.facts.engine import SERVICE
from composetasks.run import process, waiting
from composetasks.run.build_log import BuildLog, Vertex
from composetasks.run.buildx import buildx
from composetasks.run.failure import TaskFailure

OWN_STEP = "load local bake definitions"
"""The step that Buildx does by itself, before it asks the engine for anything."""


Definitions = dict[str, dict[str, Any]]
"""Bake targets by service."""


def definition(
    compose: Sequence[str], services: Sequence[str], cwd: Path, env: Mapping[str, str]
) -> Definitions:
    """Compose's bake targets by service. Raises TaskFailure, code 6, with Compose's message."""
    try:
        done = process.run([*compose, "build", "--print", *services], cwd=cwd, env=env)
        return definition_of(done.stdout)
    except (process.ProgramError, Unclear) as error:
        raise TaskFailure(
            "Compose does not say how to build " + ", ".join(services),
            code=ExitCode.INVALID,
            detail=getattr(error, "stderr", "") or str(error),
            hint="`docker compose build --print` shows the same; correct the compose file",
        ) from error


class Unclear(Exception):
    """What Compose printed is no definition of builds."""


def definition_of(text: str) -> Definitions:
    """The bake targets that Compose printed, by service. Raises Unclear."""
    try:
        targets = json.loads(text)["target"]
        return {target["labels"][SERVICE]: _plain(target) for target in targets.values()}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise Unclear(f"{type(error).__name__}: {error}") from error


def _plain(target: Mapping[str, Any]) -> dict[str, Any]:
    """A target with its texts as they are meant. Where a text may well hold ``${...}`` Compose has
    escaped it for bake, elsewhere not (pkg/compose/build_bake.go; seen with 5.6.1)."""
    escaped = {key: target[key] for key in ("args", "dockerfile-inline") if key in target}
    return {**target, **json.loads(json.dumps(escaped).replace("$${", "${"))}


@dataclass(frozen=True)
class Bake:
    """Everything one build needs. ``target`` is Compose's bake target of the service."""

    service: Service
    target: Mapping[str, Any]
    services: Mapping[str, Service]
    cwd: Path
    env: Mapping[str, str]
    no_cache: bool
    shared: Shared | None = None

    def document(self, places: Mapping[str, str]) -> dict[str, Any]:
        """The bake file, with the context and the Dockerfile in other ``places``."""
        target = {**self.target, **places}
        if places:
            target.pop("dockerfile-inline", None)
        target["contexts"] = {
            name: self._linked(str(value))
            for name, value in (self.target.get("contexts") or {}).items()
        }
        if self.shared is not None:
            # Inline is all that an engine without containerd's image store can export.
            target["cache-to"] = [*(target.get("cache-to") or ()), "type=inline"]
            if self.service.name in self.shared.caches:
                reference = self.shared.caches[self.service.name]
                mine = f"type=registry,ref={reference}"
                target["cache-from"] = [*(target.get("cache-from") or ()), mine]
        if self.no_cache:
            target["no-cache"] = True
        return {"target": {"image": _escaped(target)}}

    def _linked(self, value: str) -> str:
        """Another service's image by its tag instead of building it once more: it was built just
        before where that was needed, and ``no-cache`` must not make a second one of it."""
        if not value.startswith("target:"):
            return value
        name = value.removeprefix("target:")
        for service in self.services.values():
            if service.name == name or service.name.replace(".", "_") == name:
                return f"docker-image://{service.image}"
        return value

    def argv(self) -> list[str]:
        allowed = ["fs.read=*"]
        if self.target.get("network") == "host" or "network.host" in self._entitlements():
            allowed.append("network.host")
        if "security.insecure" in self._entitlements():
            allowed.append("security.insecure")
        if self.target.get("ssh"):
            allowed.append("ssh")
        flags = [part for one in allowed for part in ("--allow", one)]
        return [*buildx(self.env), "bake", *flags, "-f", "-", "--progress=rawjson", "image"]

    def _entitlements(self) -> list[str]:
        return list(self.target.get("entitlements") or ())


def _escaped(value: Any) -> Any:
    """A value in whose texts, those of keys too, bake sees none of its own templates."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, list):
        return [_escaped(one) for one in value]
    if isinstance(value, dict):
        return {_escaped(key): _escaped(one) for key, one in value.items()}
    return value


def run_bake(
    bake: Bake,
    places: Mapping[str, str],
    log: BuildLog,
    started: Callable[[Vertex], None],
    register: Callable[[process.Running], None],
    *,
    within: float,
) -> int:
    """Build, and return Buildx's exit code. ``started`` is told of each step that starts,
    ``register`` of the program, so that it can be ended. Raises TimeoutError where the engine has
    not begun ``within`` so many seconds; once it has, a build may be silent for as long as it
    takes."""
    env = {**bake.env, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "BUILDX_METADATA_WARNINGS": "0"}
    document = json.dumps(bake.document(places))
    with process.Running(bake.argv(), cwd=bake.cwd, env=env, stdin=document) as running:
        register(running)
        for line in chain(_until_begun(running, within), running):
            for vertex in log.feed(line.text):
                started(vertex)
        return running.wait()


def _until_begun(running: process.Running, within: float) -> Iterator[process.Line]:
    """What Buildx says until the engine builds: that it reads what was sent to it, first."""
    deadline = time.monotonic() + within
    with waiting.on("the engine to begin the build"):
        while True:
            try:
                line = running.line(max(0.0, deadline - time.monotonic()))
            except TimeoutError as error:
                raise TimeoutError(f"a build was not begun within {within:g} s") from error
            if line is None:
                return
            yield line
            if '"vertexes"' in line.text and OWN_STEP not in line.text:
                return
