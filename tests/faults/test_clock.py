"""The clock is set back between two runs, for `inv` alone.

The engine's clock can't be: so these are also runs whose clock is behind that of their engine.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.stacks import docker
from tests.faults.runs import heals
from tests.project import Project

STACK = """
services:
  web:
    build: web
    init: true
    command: [sleep, "1000"]
    environment: {WEIGHT: "${WEIGHT:-0.3}"}
    volumes: ["data:/data"]
  checked:
    image: ct-test/busybox
    init: true
    command: [sleep, "1000"]
    healthcheck: {test: [CMD, "true"], start_period: 20s, start_interval: 200ms}
volumes: {data: {}}
"""


@pytest.fixture(params=[3600, 400 * 86400], ids=["an hour", "a year"])
def earlier(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of an `inv` that lives some time ago."""
    return {
        "PYTHONPATH": str(Path(__file__).parent / "earlier"),
        "EARLIER_SECONDS": str(request.param),
    }


@pytest.fixture
def stack(project: Project) -> Project:
    project.compose(STACK)
    project.write("web/Dockerfile", "FROM ct-test/busybox\nCOPY index.html /\n")
    project.write("web/index.html", "one")
    return project


def runs(project: Project) -> list[str]:
    return sorted(path.name for path in Path(project.folder, ".composetasks", "runs").iterdir())


def test_what_changed_is_still_seen_and_done(stack: Project, earlier: dict[str, str]) -> None:
    heals(stack)
    before = runs(stack)
    stack.write("web/index.html", "two")
    assert stack.plan("up", **earlier) == stack.plan("up")
    heals(stack, WEIGHT="0.9", **earlier)
    assert docker("exec", f"{stack.name}-web-1", "cat", "/index.html") == "two"
    assert runs(stack)[: len(before)] == before
    assert len(runs(stack)) == len(before) + 1
    assert stack.plan("up", WEIGHT="0.9") == []


def test_a_first_start_before_the_engine_s_own_time(
    stack: Project, earlier: dict[str, str]
) -> None:
    heals(stack, **earlier)
    assert stack.inv("down", **earlier).code == 0
    heals(stack)


def test_state_is_kept_and_restored(stack: Project, earlier: dict[str, str]) -> None:
    heals(stack)
    docker("exec", f"{stack.name}-web-1", "sh", "-c", "echo rows > /data/rows")
    for environment in ({}, earlier):
        assert stack.inv("snapshot", **environment).code == 0
    assert stack.inv("reset-state", "--yes", **earlier).code == 0
    names = [one["name"] for one in stack.inv("snapshots", "--json").document["snapshots"]]
    assert len(names) == 3
    kept = next(name for name in names if name.startswith("before-reset"))
    assert stack.inv("restore", kept, "--yes", **earlier).code == 0
    assert docker("exec", f"{stack.name}-web-1", "cat", "/data/rows") == "rows"
    assert stack.plan("up") == []
