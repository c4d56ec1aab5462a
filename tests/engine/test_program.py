"""`composetasks up`, from the built wheel, on a project of somebody who never heard of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import installed
from tests.engine.busybox import TAG
from tests.engine.stacks import compose, docker, remove_project
from tests.project import Project, own_environment

DOCKERFILE = f"FROM {TAG}\nCOPY . /app\nCMD sleep 3600\n"
COMPOSE = """
services:
  web: {build: ., init: true}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that gives the project its name."""
    place = tmp_path / f"ct-test-{uuid.uuid4().hex[:8]}"
    place.mkdir()
    yield place
    remove_project(place.name)


def test_it_starts_what_docker_compose_would(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = (str(installed.composetasks(tmp_path_factory)),)
    project = Project(folder, own_environment(), folder.name, program)
    project.write("docker-compose.yml", COMPOSE)
    project.write("Dockerfile", DOCKERFILE)
    project.write("src/app.txt", "one\n")
    below = replace(project, folder=folder / "src")
    ran = below.inv("up")
    assert ran.code == 0, ran.err
    container = f"{folder.name}-web-1"
    # Compose sees its own, and our memory is not in the image, whatever .dockerignore there is.
    assert compose(project, "ps", "--services").split() == ["web"]
    assert docker("exec", container, "ls", "-A", "/app").split() == [
        "Dockerfile",
        "docker-compose.yml",
        "src",
    ]
    assert "nothing to do" in project.inv("up", "--plan", "--exit-code").out
    status = project.inv("status", "--json").document
    assert [(one["name"], one["state"]) for one in status["services"]] == [("web", "running")]
    assert project.inv("exec", "web", "cat", "/app/src/app.txt").out == "one\n"
    project.write("src/app.txt", "two\n")
    ran = project.inv("up")
    assert ran.code == 0, ran.err
    assert project.inv("exec", "web", "cat", "/app/src/app.txt").out == "two\n"
    assert project.inv("down", "--yes").code == 0
    assert docker("ps", "-aq", "--filter", f"name=^{container}$") == ""
