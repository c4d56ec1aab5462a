"""``--plan`` changes nothing: the engine's whole state is the same before and after, for every
kind of plan."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import APIClient

from composetasks.observe.engine.inventory import connect
from tests.engine.stacks import docker
from tests.engine.world_state import differences, files_below, world_state
from tests.project import Project

STACK = """
services:
  db:
    image: ct-test/busybox
    init: true
    command: [sh, -c, "echo kept > /data/kept; exec sleep 3600"]
    environment: {WEIGHT: "${WEIGHT:-0.3}"}
    volumes: ["data:/data"]
  web:
    build: web
    init: true
    command: [sleep, "3600"]
  gone:
    image: ct-test/busybox
    init: true
    command: [sleep, "3600"]
volumes: {data: {}}
"""


@pytest.fixture
def client() -> Iterator[APIClient]:
    connected = connect()
    yield connected
    connected.close()


@pytest.fixture
def stack(project: Project) -> Project:
    project.compose(STACK)
    project.write(
        "web/Dockerfile", f"FROM ct-test/busybox\nCOPY index.html /\nLABEL of={project.name}\n"
    )
    project.write("web/index.html", "one")
    return project


def held(project: Project, client: APIClient, *arguments: str, **environment: str) -> list[str]:
    """The actions of a plan, after seeing that showing it changed nothing."""
    before, files = world_state(client, project.name), files_below(project.folder)
    ran = project.inv(*arguments, "--plan", "--json", **environment)
    assert ran.code in (0, 9, 10), ran.err
    assert differences(before, world_state(client, project.name)) == []
    assert files_below(project.folder) == files
    return sorted({step["action"] for step in ran.document["steps"]})


def test_no_plan_of_any_kind_changes_anything(stack: Project, client: APIClient) -> None:
    assert held(stack, client, "up") == ["build-image", "create-container"]
    assert stack.inv("up").code == 0
    docker("exec", f"{stack.name}-db-1", "test", "-e", "/data/kept")

    assert held(stack, client, "up") == []
    assert held(stack, client, "up", WEIGHT="0.9") == ["recreate-container"]
    stack.write("web/index.html", "two")
    assert held(stack, client, "build") == ["build-image"]
    assert held(stack, client, "up") == ["build-image", "recreate-container"]
    assert held(stack, client, "build", "web", "--no-cache", "--pull") == ["build-image"]
    stack.write("web/index.html", "one")
    docker("rmi", f"{stack.name}-web:latest")
    assert held(stack, client, "up") == ["retag-image"]
    stack.write("web/index.html", "two")
    relabelled = STACK + "networks: {default: {labels: {is: new}}}\n"
    stack.compose(relabelled)
    assert "remove-network" in held(stack, client, "up")
    stack.compose(STACK.replace("  web:\n", f"  web:\n    container_name: {stack.name}-db-1\n"))
    held(stack, client, "up")
    stack.compose(STACK)
    assert "remove-container" in held(stack, client, "down")
    assert "stop-container" in held(stack, client, "reset-state", "data")

    docker("stop", f"{stack.name}-gone-1")
    assert "start-container" in held(stack, client, "up")
    stack.compose(STACK.replace("  gone:", "  new:"))
    assert "remove-container" in held(stack, client, "clean-orphans")
    docker("create", "--name", f"{stack.name}-new-1", "ct-test/busybox")
    assert "remove-container" in held(stack, client, "up")
    docker("rm", f"{stack.name}-new-1")
    docker("run", "-d", "--name", f"{stack.name}-new-1", "ct-test/busybox", "sleep", "3600")
    try:
        assert "remove-container" in held(stack, client, "up", "--force")
        held(stack, client, "up")
    finally:
        docker("rm", "-f", f"{stack.name}-new-1")
