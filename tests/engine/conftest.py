"""Projects on a real engine, whose every trace is taken away after the test.

Without an engine these tests are skipped, and say so; with REQUIRE_ENGINE=1 they fail.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from composetasks.observe.engine.inventory import connect
from tests.engine import busybox
from tests.engine.planned import Planned
from tests.engine.stacks import own_project
from tests.project import Project


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


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with a name of its own."""
    with own_project(tmp_path) as made:
        yield made


@pytest.fixture
def planned(tmp_path: Path) -> Iterator[Planned]:
    """A project without services yet, whose plans the test makes itself."""
    client = connect()
    made = Planned(tmp_path / "project", client)
    yield made
    made.remove_everything()
    client.close()
