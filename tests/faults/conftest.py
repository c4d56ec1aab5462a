"""Each worker has an engine of its own, for faults that nobody else's engine may be given.

Where none can be started these tests are skipped, and say so; with REQUIRE_ENGINE=1 they fail.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.faults.own_engine import OwnEngine, see_that_one_can_be_had
from tests.project import TASKS, Project, own_environment


@pytest.fixture(scope="session")
def possible() -> None:
    """That an engine can be started here."""
    see_that_one_can_be_had()


@pytest.fixture(scope="session")
def shared_engine(possible: None) -> Iterator[OwnEngine]:
    with OwnEngine() as engine, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", engine.address)
        patch.delenv("DOCKER_CONTEXT", raising=False)
        busybox.image()
        yield engine


@pytest.fixture
def engine(shared_engine: OwnEngine) -> Iterator[OwnEngine]:
    """The worker's engine: it answers, and holds no container of another test."""
    if not shared_engine.answers():
        shared_engine.kill()
        shared_engine.start()
    yield shared_engine
    if shared_engine.answers():
        shared_engine.clear()


@pytest.fixture
def project(tmp_path: Path, engine: OwnEngine) -> Project:
    """A project with a name of its own on that engine."""
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder, own_environment(), f"ct-fault-{uuid.uuid4().hex[:8]}")
    made.write("tasks.py", TASKS)
    return made
