"""Projects on a real engine, whose every trace is taken away after the test.

Without an engine these tests are skipped, and say so; with REQUIRE_ENGINE=1 they fail.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from composetasks.observe.engine.inventory import connect
from tests.engine import busybox
from tests.engine.planned import Planned
from tests.engine.stacks import docker
from tests.project import TASKS, Project, own_environment


class Scheduling(LoadScopeScheduling):
    """Gives each worker one scope after another: a test, or all tests of builds."""

    def _split_scope(self, nodeid: str) -> str:
        return "builds" if "/test_build" in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Side by side, each test by itself; but those of builds one after another: an image of the
    same inputs serves every project, so they would take each other's, and each other's away. What
    others build is labelled with their project's name."""
    return Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    """An engine that answers, with the tiny image on it."""
    answer = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        if os.environ.get("REQUIRE_ENGINE") == "1":
            pytest.fail(f"REQUIRE_ENGINE=1, and no engine answers: {answer.stderr.strip()}")
        pytest.skip("no engine answers; these tests did not run")
    busybox.image()


def remove_project(name: str) -> None:
    """Everything on the engine that carries this Compose project's label or name."""
    label = f"label=com.docker.compose.project={name}"
    for kind, listing, force in (
        ("container", ["-aq"], ["-fv"]),
        ("network", ["-q"], []),
        ("volume", ["-q"], ["-f"]),
    ):
        found = docker(kind, "ls", *listing, "--filter", label).split()
        if found:
            docker(kind, "rm", *force, *found, check=False)
    tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{name}-*").split()
    if tags:
        docker("image", "rm", "-f", *tags, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with a name of its own."""
    name = f"ct-test-{uuid.uuid4().hex[:8]}"
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder, own_environment(), name)
    made.write("tasks.py", TASKS)
    yield made
    remove_project(name)


@pytest.fixture
def planned(tmp_path: Path) -> Iterator[Planned]:
    """A project without services yet, whose plans the test makes itself."""
    client = connect()
    made = Planned(tmp_path / "project", client)
    yield made
    made.remove_everything()
    client.close()
