"""Podman 5 by its Docker socket."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.project import Project, own_environment
from tests.reach.podman import podman_host

TASKS = """\
from composetasks import collection

ns = collection(config={"stack": {"state": {"data": {"description": "rows"}}}})
"""
COMPOSE = f"""\
services:
  web:
    image: {busybox.TAG}
    command: [sh, -c, "echo hello from web; touch /ready; exec sleep 1000"]
    init: true
    healthcheck: {{test: [CMD, test, -e, /ready], interval: 2s, retries: 2}}
    stop_grace_period: 3s
    volumes: ["data:/data"]
  later:
    image: {busybox.TAG}
    init: true
    command: [sleep, "1000"]
    depends_on: {{web: {{condition: service_healthy}}}}
volumes: {{data: {{}}}}
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    before = folders_and_links_of_dev()
    with podman_host() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", address)
        busybox.image()
        yield address
    assert folders_and_links_of_dev() - before == set()


def folders_and_links_of_dev() -> set[str]:
    """What systemd makes in the machine's own /dev where that is the host's, too."""
    with os.scandir("/dev") as entries:
        return {one.name for one in entries if one.is_symlink() or one.is_dir()}


@pytest.fixture
def project(tmp_path: Path, address: str) -> Iterator[Project]:
    environment = {**own_environment(), "DOCKER_HOST": address}
    made = Project(tmp_path / "project", environment, f"ct-podman-{uuid.uuid4().hex[:8]}")
    made.write("tasks.py", TASKS)
    made.compose(COMPOSE)
    yield made
    assert made.inv("down").code == 0


def execute(project: Project, command: str) -> str:
    ran = project.inv("exec", "web", "sh", "-c", command)
    assert ran.code == 0, ran.err
    return ran.out


def test_what_one_does_all_day(project: Project) -> None:
    started = project.inv("up")
    assert started.code == 0, started.err
    shown = {one["name"]: one for one in project.inv("status", "--json").document["services"]}
    assert (shown["web"]["health"], shown["later"]["state"]) == ("healthy", "running")
    assert "nothing to do" in project.inv("up").out
    assert "hello from web" in project.inv("logs", "web").out

    execute(project, "echo first >/data/rows")
    kept = project.inv("snapshot", "day")
    assert kept.code == 0, kept.err
    execute(project, "echo second >/data/rows")
    restored = project.inv("restore", "day", "--yes", "--no-snapshot")
    assert restored.code == 0, restored.err
    assert execute(project, "cat /data/rows") == "first\n"

    examined = project.inv("doctor", "--json")
    assert examined.code in (0, 1), examined.err
    checks = {one["name"]: one for one in examined.document["checks"]}
    assert "Podman 5" in checks["engine"]["message"]
    assert "bug" not in examined.err
    # Without BuildKit's image no build runs there, and both say what it takes.
    assert checks["build"]["status"] == "failed"
    assert "moby/buildkit" in checks["build"]["hint"]
    project.write("Dockerfile", "FROM scratch\nCOPY tasks.py /\n")
    project.compose("services: {page: {build: .}}\n")
    built = project.inv("build")
    assert built.code == 7
    assert "moby/buildkit" in built.err.partition("next: ")[2]
    project.compose(COMPOSE)


def test_a_check_that_fails_is_told(project: Project) -> None:
    failing = COMPOSE.replace("[CMD, test, -e, /ready]", "[CMD-SHELL, 'echo no page; exit 3']")
    project.compose(failing)

    failed = project.inv("up", "--json", "--timeout", "8")

    assert failed.code == 8, failed.err
    assert failed.lines[-1]["service"] == "web"
    [web] = [
        one for one in project.inv("status", "--json").document["services"] if one["name"] == "web"
    ]
    assert web["health"] == "unhealthy"
