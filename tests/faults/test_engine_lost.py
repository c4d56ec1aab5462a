"""The engine restarts or dies in the middle of a run."""

from __future__ import annotations

import pytest

from tests.engine.stacks import docker, wait_until
from tests.faults.own_engine import OwnEngine
from tests.faults.runs import failed, heals, under_way
from tests.project import Project

BUILT = """
services:
  web:
    build: web
    init: true
    command: [sleep, "1000"]
"""
SLOW_BUILD = "FROM ct-test/busybox\nRUN sleep 6 && : %s\n"
"""With the name of the project, by which its process is known."""
MANY = """
x-one: &one {image: ct-test/busybox, init: true, command: [sleep, "1000"]}
services:
""" + "".join(f"  s{number}: *one\n" for number in range(12))
WAITED_FOR = """
services:
  slow:
    image: ct-test/busybox
    init: true
    command: [sleep, "1000"]
    volumes: ["data:/data"]
    healthcheck: {test: [CMD, test, -e, /data/ready], start_period: 60s, start_interval: 200ms}
volumes: {data: {}}
"""


def containers(project: Project, *more: str) -> list[str]:
    label = f"label=com.docker.compose.project={project.name}"
    return docker("ps", "-a", "--format", "{{.Names}}", "--filter", label, *more).split()


def make_ready(project: Project) -> None:
    bound = f"{project.name}_data:/data"
    docker("run", "--rm", "-v", bound, "ct-test/busybox", "touch", "/data/ready")


@pytest.fixture
def building(project: Project) -> Project:
    project.compose(BUILT)
    project.write("web/Dockerfile", SLOW_BUILD % project.name)
    return project


@pytest.mark.parametrize("way", ["restart", "kill"])
def test_in_mid_build(building: Project, engine: OwnEngine, way: str) -> None:
    with under_way(building, "up") as run:
        wait_until(lambda: engine.works_on(building.name))
        engine.restart() if way == "restart" else engine.kill()
    failed(run.ran, 5, "the engine")
    if way == "kill":
        engine.start()
    assert containers(building) == []
    heals(building)


@pytest.mark.parametrize("way", ["restart", "kill"])
def test_in_mid_create(project: Project, engine: OwnEngine, way: str) -> None:
    project.compose(MANY)
    with under_way(project, "up", "--timeout", "60") as run:
        wait_until(lambda: bool(containers(project)))
        engine.stop() if way == "restart" else engine.kill()
        engine.start()
    assert run.ran.code in (0, 5, 8), run.ran.err
    if run.ran.code:
        failed(run.ran, run.ran.code)
    heals(project)
    assert len(containers(project, "--filter", "status=running")) == 12


@pytest.mark.parametrize("way", ["restart", "kill"])
def test_in_mid_wait(project: Project, engine: OwnEngine, way: str) -> None:
    project.compose(WAITED_FOR)
    with under_way(project, "up", "--timeout", "60") as run:
        wait_until(lambda: bool(containers(project, "--filter", "health=starting")))
        engine.stop() if way == "restart" else engine.kill()
        engine.start()
    failed(run.ran, 8, "slow")
    make_ready(project)
    heals(project)


def test_that_does_not_come_back(project: Project, engine: OwnEngine) -> None:
    project.compose(WAITED_FOR)
    with under_way(project, "up", "--timeout", "12") as run:
        wait_until(lambda: bool(containers(project, "--filter", "health=starting")))
        engine.kill()
    failed(run.ran, 8, "the engine went away and was not back after")
    failed(project.inv("up"), 5, "no engine answers")
    engine.start()
    make_ready(project)
    heals(project)
