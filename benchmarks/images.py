"""The dashboard's image: a requirement is added to it; it is pulled from a registry."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from benchmarks.breakdown import by_step
from benchmarks.empty_engine import elsewhere
from benchmarks.framework import FEW, ROOT, Case, Figure, Target, in_turns, say, seconds
from benchmarks.scratch import BASE, Failed, Scratch, base_image, scratch
from tests.engine import registry

ADDED = ("iniconfig", "pluggy", "sortedcontainers")
"""Packages without dependencies, one for each round; the suite's own locks contain them."""
LAYERED = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates curl python3 python3-venv \\
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv
"""
ONE_LAYER = """\
COPY large.txt requirements.txt /opt/requirements/
RUN cat /opt/requirements/*.txt > /opt/all.txt \\
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /opt/all.txt
"""
TWO_LAYERS = """\
COPY large.txt /opt/requirements/
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /opt/requirements/large.txt
COPY requirements.txt /opt/requirements/
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /opt/requirements/requirements.txt
"""
CODE = "COPY *.py page.css /app/\n"


def dashboard(project: Scratch, dockerfile: str = "") -> Path:
    """Write a project with only the dashboard, with its own or another Dockerfile; return its
    folder."""
    folder = project.folder / f"{project.name}-dashboard"
    shutil.copytree(ROOT / "compose" / "dashboard", folder)
    if dockerfile:
        (folder / "Dockerfile").write_text(LAYERED + dockerfile + CODE)
    build = {"context": folder.name, "args": {BASE: base_image()}, "network": "host"}
    one = {
        "image": f"{project.name}-dashboard",
        "build": build,
        "command": ["sleep", "infinity"],
        "network_mode": "host",
        "init": True,
        "stop_grace_period": "0s",
        # It only sleeps, so nothing listens on the port that the image declares.
        "healthcheck": {"test": ["CMD", "true"], "start_period": "60s", "start_interval": "100ms"},
    }
    project.write({"dashboard": one})
    return folder


def lock_lines(package: str) -> str:
    """A package's pinned line with its hashes."""
    text = (ROOT / "requirements" / "test.txt").read_text()
    found = re.search(rf"^{re.escape(package)}==.*?(?=^\S)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise Failed(f"requirements/test.txt has no {package}")
    return "".join(f"{line}\n" for line in found[0].splitlines() if "#" not in line)


def requirement() -> Iterator[Figure]:
    with contextlib.ExitStack() as stack:
        ours, one, two = (
            stack.enter_context(scratch(word)) for word in ("req-uv", "req-pip", "req-pip2")
        )
        folders = {
            "inv": dashboard(ours),
            "one layer": dashboard(one, ONE_LAYER),
            "two layers": dashboard(two, TWO_LAYERS),
        }
        say("  first builds")
        ours.inv("build")
        one.compose("build")
        two.compose("build")

        def add(side: str, number: int) -> None:
            with (folders[side] / "requirements.txt").open("a") as stream:
                stream.write(lock_lines(ADDED[number]))

        def inv(number: int) -> float:
            add("inv", number)
            return ours.timed_inv("build")

        def first(number: int) -> float:
            add("one layer", number)
            return one.timed_compose("build")

        def second(number: int) -> float:
            add("two layers", number)
            return two.timed_compose("build")

        took = in_turns({"inv": inv, "one layer": first, "two layers": second}, FEW)
    name = "one package added to the dashboard's requirements, `inv build`"
    yield Figure(
        name,
        "requirements in one layer, pip, `docker compose build`",
        took["inv"],
        took["one layer"],
        Target(0.2),
    )
    yield Figure(
        name,
        "the same with large libraries in a layer of their own",
        took["inv"],
        took["two layers"],
        note="for orientation: that layer is no part of what the target speaks of",
    )


def shared() -> Iterator[Figure]:
    with contextlib.ExitStack() as stack:
        kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ct-bench-registry-")))
        where = f"{stack.enter_context(registry.running(kept))}/{uuid.uuid4().hex[:8]}"
        first = stack.enter_context(scratch("share"))
        dashboard(first)
        first.environment["INVOKE_STACK_REGISTRY"] = where
        say("  filling the registry")
        with elsewhere(first.environment):
            first.inv("build", "--push")

        steps: dict[str, dict[str, float]] = {}

        def start(registry: str) -> float:
            with elsewhere(first.environment):
                first.environment["INVOKE_STACK_REGISTRY"] = registry
                shutil.rmtree(first.folder / ".composetasks")
                said: list[str] = []
                took = seconds(lambda: said.append(first.inv("up", "--json")))
                steps[registry] = by_step(said[0])
                first.compose("down", "-t", "0")
                return took

        took = in_turns({"pulled": lambda _: start(where), "built": lambda _: start("")}, FEW)
    yield Figure(
        "first `inv up` of the dashboard on an empty engine, registry filled",
        "`inv up` that builds it",
        took["pulled"],
        took["built"],
        Target(0.25),
        parts=steps[where],
        note="an engine with no images but the base, started for each run; a registry on loopback",
    )


CASES = (
    Case("requirement", "a package is added to an image", 4, requirement),
    Case("registry", "an image is shared through a registry", 8, shared),
)
