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
from tests.faults.own_engine import OwnEngine, missing
from tests.project import TASKS, Project, own_environment
from tests.reach.ssh_host import SSHD, SshHost, ssh_host


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def engine() -> Iterator[OwnEngine]:
    """The engine that is elsewhere; it has the small image."""
    why = missing() or ("" if os.path.exists(SSHD) else f"there is no {SSHD}")
    if why and os.environ.get("REQUIRE_ENGINE") == "1":
        pytest.fail(f"REQUIRE_ENGINE=1, and no engine can be started here: {why}")
    if why:
        pytest.skip(f"no engine can be started here ({why}); these tests did not run")
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
