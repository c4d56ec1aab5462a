"""The engine's socket takes connections, and nobody answers on it any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.engine_proxy import EngineProxy
from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine
from tests.faults.runs import failed, heals, under_way
from tests.faults.test_engine_lost import (
    BUILT,
    MANY,
    SLOW_BUILD,
    WAITED_FOR,
    containers,
    make_ready,
)
from tests.project import Project

SILENT = "the engine does not answer"


@pytest.fixture
def proxy(tmp_path: Path, project: Project) -> Iterator[EngineProxy]:
    with EngineProxy(tmp_path / "engine.sock") as made:
        project.environment["DOCKER_HOST"] = made.address
        project.environment["INVOKE_STACK_ENGINE_TIMEOUT"] = "4"
        yield made


@pytest.mark.parametrize(
    "arguments",
    [("up",), ("up", "--plan"), ("down",), ("status",), ("logs",), ("snapshot", "x")],
    ids=" ".join,
)
def test_from_the_beginning(
    project: Project, proxy: EngineProxy, arguments: tuple[str, ...]
) -> None:
    project.compose(WAITED_FOR)
    proxy.hang()
    failed(project.inv(*arguments), 5)
    proxy.flow()


def test_in_mid_wait(project: Project, proxy: EngineProxy) -> None:
    project.compose(WAITED_FOR)
    with under_way(project, "up") as run:
        wait_until(lambda: bool(containers(project, "--filter", "health=starting")))
        proxy.hang()
    failed(run.ran, 5, SILENT, "done:", "not done:")
    proxy.flow()
    make_ready(project)
    heals(project)


def test_in_mid_create(project: Project, proxy: EngineProxy) -> None:
    project.compose(MANY)
    with under_way(project, "up") as run:
        wait_until(lambda: bool(containers(project)))
        proxy.hang()
    failed(run.ran, 5, SILENT, "done:", "not done:")
    proxy.flow()
    heals(project)


def test_in_mid_build(project: Project, proxy: EngineProxy, engine: OwnEngine) -> None:
    project.compose(BUILT)
    project.write("web/Dockerfile", SLOW_BUILD % project.name)
    with under_way(project, "up") as run:
        wait_until(lambda: engine.works_on(project.name))
        proxy.hang()
    failed(run.ran, 5, SILENT, "done:", "not done:")
    proxy.flow()
    heals(project)


def test_while_logs_are_followed(project: Project, proxy: EngineProxy) -> None:
    project.compose(
        "services: {one: {image: ct-test/busybox, init: true, "
        "command: [sh, -c, 'echo hello; sleep 1000']}}\n"
    )
    assert project.inv("up").code == 0
    with under_way(project, "logs", "--follow") as run:
        assert run.child.stdout is not None
        assert "hello" in run.child.stdout.readline()
        proxy.hang()
    failed(run.ran, 5, SILENT)
    proxy.flow()
    heals(project)


def test_an_engine_that_is_stopped_in_its_tracks(project: Project, engine: OwnEngine) -> None:
    """No proxy: the daemon itself does not move."""
    project.compose(WAITED_FOR)
    with under_way(project, "up", INVOKE_STACK_ENGINE_TIMEOUT="4") as run:
        wait_until(lambda: bool(containers(project, "--filter", "health=starting")))
        engine.freeze()
    failed(run.ran, 5, SILENT, "done:", "not done:")
    engine.thaw()
    make_ready(project)
    heals(project)
