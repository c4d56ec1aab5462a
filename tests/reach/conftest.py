"""Each worker has an engine of its own, in network and mount namespaces of its own: what is
published there is not published here, and what is hidden there is a laptop's alone.

Where none can be started these tests are skipped, and say so; with REQUIRE_ENGINE=1 they fail.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.faults.own_engine import OwnEngine, see_that_one_can_be_had
from tests.project import TASKS, Project, own_environment
from tests.reach.ssh_host import SSHD, SshHost, ssh_host


@pytest.fixture(scope="session")
def engine() -> Iterator[OwnEngine]:
    """The engine that is elsewhere; it has the small image."""
    see_that_one_can_be_had("" if os.path.exists(SSHD) else f"there is no {SSHD}")
    with OwnEngine() as started:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", started.address)
            busybox.image()
        yield started


@pytest.fixture
def host(engine: OwnEngine) -> Iterator[SshHost]:
    """The engine's host, by ssh."""
    with ssh_host(engine) as started:
        yield started
    if not engine.answers():
        engine.kill()
        engine.start()
    engine.clear()


@pytest.fixture
def project(tmp_path: Path, engine: OwnEngine, host: SshHost) -> Project:
    """A project of the laptop, whose folder the engine's host does not have."""
    folder = tmp_path / "project"
    folder.mkdir()
    engine.hide(folder)
    name = f"ct-reach-{uuid.uuid4().hex[:8]}"
    made = Project(folder, {**own_environment(), **host.environment}, name)
    made.write("tasks.py", TASKS)
    return made
