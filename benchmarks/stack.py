"""The whole stack: first builds, start to healthy, memory at rest.

It works in a copy of the files that git tracks, and removes everything it created. Images are built
on a separate engine; what is started is an instance. The peer is Compose itself with the same
files, one after the other in the same project.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

import smoke
from benchmarks.empty_engine import elsewhere
from benchmarks.framework import FEW, ROOT, Case, Figure, Target, in_turns, say, seconds
from benchmarks.processor import SHOW, seconds_of
from benchmarks.scratch import Failed, run
from composetasks.apply.images.build import default_jobs
from tests.engine import busybox
from tests.project import own_environment

REST_SECONDS = 60
"""How long the stack is left alone before its memory is read, so that its idle use is measured."""
PLAIN = {"interval": "5s", "timeout": "10s", "retries": 60}
"""A health check without start_period and start_interval, with enough retries for the slowest
start, because Compose gives up at the first unhealthy probe."""


@dataclass
class Stack:
    """The stack in a copy of the repository. ``project`` is its Compose project, ``own`` are its
    compose files in addition to the stack's."""

    folder: Path
    project: str
    environment: dict[str, str]
    own: tuple[str, ...] = ()

    def inv(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a task with JSON output; return its lines."""
        argv = (sys.executable, "-m", "invoke", *arguments, "--json")
        said = run(*argv, folder=self.folder, environment=self.environment)
        return [json.loads(line) for line in said.splitlines()]

    @property
    def files(self) -> list[str]:
        """Its compose files."""
        named = self.environment.get("COMPOSE_FILE", "compose/compose.yaml")
        return [*named.split(":"), *self.own]

    def compose(self, *arguments: str, files: list[str] | None = None) -> str:
        named = [word for file in files or self.files for word in ("-f", file)]
        argv = ("docker", "compose", "--project-directory", "compose", "-p", self.project, *named)
        return run(*argv, *arguments, folder=self.folder, environment=self.environment)

    def model(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.compose("config", "--format", "json"))
        return found

    def empty(self) -> None:
        """Remove its containers and all its state."""
        self.compose("down", "-v")
        place = self.folder / Path(self.own[0]).parent / "state"
        # The files belong to the containers' users, so a container removes them.
        if place.is_dir():
            which = ("/state", "-mindepth", "2", "-maxdepth", "2", "-not", "-path", "/state/ivy2/*")
            helper = ("docker", "run", "--rm", "--network=none", "-v", f"{place}:/state")
            busybox.image()
            run(*helper, busybox.TAG, "find", *which, "-exec", "rm", "-rf", "{}", "+")


@contextlib.contextmanager
def copied() -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the repository for the block, and an environment with this machine's image source
    and a password."""
    own = dotenv_values(ROOT / ".env")
    chosen = {name: str(own[name]) for name in smoke.FROM_DOTENV if own.get(name)}
    with tempfile.TemporaryDirectory(prefix="ct-bench-", ignore_cleanup_errors=True) as place:
        smoke.copy_tracked(Path(place))
        yield Path(place), {**own_environment(), **chosen, smoke.PASSWORD: secrets.token_hex(12)}


@contextlib.contextmanager
def to_build() -> Iterator[Stack]:
    """The stack for the block, set up for builds on an engine that has only the host's network."""
    with copied() as (folder, environment):
        stack = Stack(folder, f"ct-bench-stack-{os.getpid()}", environment)
        built = [name for name, one in stack.model()["services"].items() if "build" in one]
        own = "compose/network.json"
        network = {"services": {name: {"build": {"network": "host"}} for name in built}}
        (folder / own).write_text(json.dumps(network))
        environment["COMPOSE_FILE"] = ":".join([*stack.files, own])
        environment["COMPOSE_PROJECT_NAME"] = stack.project
        yield stack


@contextlib.contextmanager
def instance() -> Iterator[Stack]:
    """An instance of the stack for the block; nothing of it runs yet."""
    name = f"bench{os.getpid()}"
    with copied() as (folder, environment):
        own = f".composetasks/instances/{name}/compose.override.yaml"
        lives = {"INVOKE_STACK_INSTANCE": name, "INVOKE_STACK_OWNER": str(os.getpid())}
        named = {**environment, **lives}
        made = Stack(folder, f"tiktok-safety-{name}", named, (own,))
        try:
            made.inv("up", "--plan")  # Writes the instance's own compose file.
            yield made
        finally:
            smoke.take_away(smoke.Smoke(folder, name, folder, str(os.getpid())))


def first_builds() -> Iterator[Figure]:
    with to_build() as stack:
        services = stack.model()["services"]
        built = [name for name, one in sorted(services.items()) if "build" in one]
        first = {services[name]["image"]: name for name in reversed(built)}
        lines: list[dict[str, Any]] = []
        alone: dict[str, float] = {}

        def together(_: int) -> float:
            with elsewhere(stack.environment):
                return seconds(lambda: lines.extend(stack.inv("build")))

        def in_a_row(_: int) -> float:
            with elsewhere(stack.environment):
                for image, name in sorted(first.items()):
                    alone[image] = seconds(partial(stack.compose, "build", name))
                    say(f"  {name} alone: {alone[image]:.0f} s")
            return sum(alone.values())

        took = in_turns({"together": together, "in a row": in_a_row}, 1)
    most, jobs = at_once(lines), default_jobs()
    if most > jobs:
        raise AssertionError(f"{most} builds at once, the limit is {jobs}")
    beside = {
        line["target"].removesuffix(":latest"): float(line["seconds"])
        for line in lines
        if line["event"] == "step-done"
    }
    yield Figure(
        f"first build of all {len(first)} images, `inv build`",
        "`docker compose build SERVICE`, one after another",
        took["together"],
        took["in a row"],
        Target(0.7),
        note="an engine with no images but the base, started for each side; "
        f"{most} builds ran at once, the limit is {jobs}",
        parts={f"image of {first[image]}": spent for image, spent in beside.items()},
    )
    for image, name in sorted(first.items()):
        yield Figure(f"first build of the image of {name}, alone", "", (alone[image],))
        yield Figure(f"first build of the image of {name}, beside others", "", (beside[image],))


def at_once(lines: list[dict[str, Any]]) -> int:
    """The largest number of steps that ran at the same time."""
    running = most = 0
    for line in lines:
        running += {"step-started": 1, "step-done": -1}.get(line["event"], 0)
        most = max(most, running)
    return most


def with_plain_checks(model: Mapping[str, Any]) -> dict[str, Any]:
    """The model with the same probes at intervals of five seconds."""
    services = {
        name: {**one, "healthcheck": {"test": one["healthcheck"]["test"], **PLAIN}}
        if "healthcheck" in one
        else one
        for name, one in model["services"].items()
    }
    return {**model, "services": services}


def healthy() -> Iterator[Figure]:
    with instance() as stack:
        plain = stack.folder / "compose" / "plain.json"
        plain.write_text(json.dumps(with_plain_checks(stack.model())))  # Its $ are doubled.
        say("  images, and the connectors of a first start")
        stack.inv("up")
        rest = memory(stack)
        ends: list[dict[str, Any]] = []
        worked: list[dict[str, float]] = []

        def ours(_: int) -> float:
            stack.empty()
            took = seconds(lambda: ends.append(stack.inv("up")[-1]))
            worked.append(processor(stack))
            return took

        def theirs(_: int) -> float:
            stack.empty()
            return seconds(lambda: stack.compose("up", "-d", "--wait", files=[str(plain)]))

        took = in_turns({"inv": ours, "compose": theirs}, FEW)
        stack.empty()
    yield Figure(
        "cold start to healthy of the whole stack, from empty volumes",
        "`docker compose up -d --wait` with `interval: 5s`",
        took["inv"],
        took["compose"],
        Target(round(1 / 1.5, 3)),
        parts={one["name"]: one["seconds"] for one in ends[-1]["services"] if one["seconds"]},
    )
    yield Figure(
        "processor time of that start, `inv` and what ended meanwhile left out",
        "",
        tuple(sum(one.values()) for one in worked),
        target=Target(0, 35.0),
        parts=worked[-1],
    )
    yield Figure("memory of the stack at rest", "", (sum(rest.values()),), unit="B")
    for name, used in sorted(rest.items(), key=lambda item: -item[1]):
        yield Figure(f"memory at rest: {name}", "", (used,), unit="B")


def processor(stack: Stack) -> dict[str, float]:
    """The processor seconds of each running service since its start."""
    running = stack.compose("ps", "--services", "--status", "running").split()
    return {name: seconds_of(stack.compose("exec", "-T", name, *SHOW)) for name in running}


def memory(stack: Stack) -> dict[str, int]:
    """The bytes used by each service at rest, without page cache, as `docker stats` counts."""
    time.sleep(REST_SECONDS)
    ids = run("docker", "ps", "-q", "--filter", f"label=com.docker.compose.project={stack.project}")
    if not ids:
        raise Failed(f"no container of {stack.project} runs")
    shown = ("docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}")
    units = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "B": 1}
    found = {}
    for line in run(*shown, *ids.split()).splitlines():
        name, used = line.split()[:2]
        unit = next(one for one in units if used.endswith(one))
        service = name.removeprefix(f"{stack.project}-").removesuffix("-1")
        found[service] = round(float(used.removesuffix(unit)) * units[unit])
    return found


CASES = (
    Case("first-builds", "all images of the stack, on an empty engine", 8, first_builds, long=True),
    Case("healthy", "cold start of the stack, and its memory at rest", 15, healthy, long=True),
)
