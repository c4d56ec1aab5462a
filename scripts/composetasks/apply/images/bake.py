"""Builds one image with ``docker buildx bake``, from the definition that Compose itself would use:
docs/decisions/building-with-bake.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from composetasks.facts import ExitCode, Service, Shared
from composetasks.facts.engine import SERVICE
from composetasks.facts.frozen import frozen
from composetasks.run import process, waiting
from composetasks.run.build_log import BuildLog, Vertex
from composetasks.run.compose import buildx
from composetasks.run.failure import TaskFailure

OWN_STEP = "load local bake definitions"
"""The step that Buildx runs itself, before it asks the engine for anything."""
METADATA = "[internal] load metadata for "
"""The prefix of the steps in which BuildKit asks a registry for an image's digest and
configuration."""


Definitions = dict[str, dict[str, Any]]
"""Bake targets by service."""


def definition(
    compose: Sequence[str], services: Sequence[str], cwd: Path, env: Mapping[str, str]
) -> Definitions:
    """Compose's bake targets by service. Raises TaskFailure, code 6, with Compose's message."""
    # With DOCKER_BUILDKIT=0, which selects the builder before BuildKit, Compose prints nothing.
    env = {**env, "DOCKER_BUILDKIT": "1"}
    try:
        done = process.run([*compose, "build", "--print", *services], cwd=cwd, env=env)
        return definition_of(done.stdout)
    except (process.ProgramError, Unclear) as error:
        raise TaskFailure(
            "Compose gives no build definition for " + ", ".join(services),
            code=ExitCode.INVALID,
            detail=getattr(error, "stderr", "") or str(error),
            hint="`docker compose build --print` shows the same; correct the compose file",
        ) from error


class Unclear(Exception):
    """The text that Compose printed is not a build definition."""


def definition_of(text: str) -> Definitions:
    """The bake targets that Compose printed, by service. Raises Unclear."""
    try:
        targets = json.loads(text)["target"]
        return {target["labels"][SERVICE]: _plain(target) for target in targets.values()}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise Unclear(f"{type(error).__name__}: {error}") from error


def _plain(target: Mapping[str, Any]) -> dict[str, Any]:
    """A target with its texts unescaped. Compose escapes ``${...}`` for bake in the fields that
    often contain it, but not in others (pkg/compose/build_bake.go; seen with 5.6.1)."""
    escaped = {key: target[key] for key in ("args", "dockerfile-inline") if key in target}
    return {**target, **json.loads(json.dumps(escaped).replace("$${", "${"))}


@frozen
class Bake:
    """Everything that one build needs. ``target`` is Compose's bake target of the service."""

    service: Service
    target: Mapping[str, Any]
    services: Mapping[str, Service]
    cwd: Path
    env: Mapping[str, str]
    no_cache: bool
    shared: Shared | None = None

    def document(self, places: Mapping[str, str]) -> dict[str, Any]:
        """The bake file; ``places`` replaces the locations of the context and the Dockerfile."""
        target = {**self.target, **places}
        if places:
            target.pop("dockerfile-inline", None)
        target["contexts"] = {
            name: self._linked(str(value))
            for name, value in (self.target.get("contexts") or {}).items()
        }
        if self.shared is not None:
            # An engine without containerd's image store can export only an inline cache.
            target["cache-to"] = [*(target.get("cache-to") or ()), "type=inline"]
            # Not in addition to a cache that the compose file names: if both know a step, BuildKit
            # takes either, and an inline cache has no results of stages that are only copied from
            # (measured with 28.5: in 6 builds of 8 the stage ran again).
            if self.service.name in self.shared.caches and not target.get("cache-from"):
                reference = self.shared.caches[self.service.name]
                target["cache-from"] = [f"type=registry,ref={reference}"]
        if self.no_cache:
            target["no-cache"] = True
        return {"target": {"image": _escaped(target)}}

    def _linked(self, value: str) -> str:
        """Refer to another service's image by its tag instead of building it again: if it needed a
        build, that was done before, and ``no-cache`` must not build it a second time."""
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
    """A value whose texts and keys bake does not read as templates."""
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
    """Build, and return Buildx's exit code. ``started`` is called with each step that starts,
    ``register`` with the running program, so that it can be ended.

    The engine has ``within`` seconds to begin, else TimeoutError is raised; a registry has as many
    to resolve an image name, else TaskFailure, code 7. Everything else in a build may take any time
    without output.
    """
    env = {**bake.env, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "BUILDX_METADATA_WARNINGS": "0"}
    document = json.dumps(bake.document(places))
    with process.Running(bake.argv(), cwd=bake.cwd, env=env, stdin=document) as running:
        register(running)
        while (line := _next(running, log, within)) is not None:
            for vertex in log.feed(line.text):
                started(vertex)
        return running.wait()


def _next(running: process.Running, log: BuildLog, within: float) -> process.Line | None:
    """The next line of a build; None at its end."""
    requests = [one.removeprefix(METADATA) for one in log.under_way() if OWN_STEP not in one]
    if all(OWN_STEP in one.name for one in log.vertexes.values()):
        awaited = "the engine to start the build"
    elif requests and all(one.startswith(METADATA) for one in log.under_way()):
        awaited = f"a registry to resolve {', '.join(requests)}"
    else:
        with waiting.on(process.named(running.argv), waiting.QUIET_SECONDS):
            return running.line()
    try:
        with waiting.on(awaited):
            return running.line(within)
    except TimeoutError as error:
        if not requests:
            raise TimeoutError(f"a build did not start within {within:g} s") from error
        raise TaskFailure(
            f"no registry resolved {', '.join(requests)} within {within:g} s",
            code=ExitCode.BUILD_FAILED,
            hint="make sure that its registry answers (`docker pull`), and run the task again",
        ) from error
