"""Projects for tests of the command line, with a scripted engine or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import installed
from tests.functional.scripted_engine import ScriptedEngine
from tests.project import TASKS, Project, own_environment


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`composetasks` as the built wheel brings it."""
    return installed.composetasks(tmp_path_factory)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project of its own, whose engine does not exist."""
    folder = tmp_path / "shop"
    folder.mkdir()
    environment = own_environment()
    environment.pop("DOCKER_CONTEXT", None)
    environment["DOCKER_HOST"] = f"unix://{tmp_path}/no-engine.sock"
    made = Project(folder, environment)
    made.write("tasks.py", TASKS)
    return made


@pytest.fixture
def engine(tmp_path: Path, project: Project) -> Iterator[ScriptedEngine]:
    """A scripted engine that the project uses."""
    with ScriptedEngine(tmp_path) as scripted:
        project.environment["DOCKER_HOST"] = scripted.url
        yield scripted
