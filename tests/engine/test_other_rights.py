"""Tasks as somebody who is not root: a member of the group that the engine's socket is for, under
``umask 077``, without HOME, with DOCKER_HOST set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.busybox import TAG
from tests.engine.engine_proxy import EngineProxy
from tests.project import TASKS, Project, own_environment

pytestmark = pytest.mark.engine
USER, GROUP = 65534, 2375
AS_MEMBER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={GROUP}")


def _becomes() -> bool:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    done = subprocess.run(
        [*AS_MEMBER, sys.executable, "-c", "import composetasks.tasks"], check=False
    )
    return done.returncode == 0


@pytest.fixture
def members(project: Project) -> Iterator[Project]:
    """A project of that user's, in a folder that others may enter."""
    with tempfile.TemporaryDirectory(prefix="ct-test-") as place:
        Path(place).chmod(0o755)
        environment = own_environment()
        for name in ("HOME", "DOCKER_CONTEXT", "XDG_CACHE_HOME", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        environment["PYTHONPYCACHEPREFIX"] = f"{place}/compiled"
        folder = Path(place, "shop")
        made = Project(folder, environment, project.name)
        made.write("tasks.py", TASKS)
        made.write("web/Dockerfile", f"FROM {TAG}\nCOPY page /page\n")
        made.write("web/page", "hello\n")
        made.write("state/.keep", "")
        made.compose(f"""
services:
  web:
    build: ./web
    image: {project.name}-web
    init: true
    stop_grace_period: 1s
    command: [sleep, "3600"]
    volumes: ["data:/data", "./state:/state"]
    healthcheck: {{test: [CMD, test, -e, /page], interval: 1s}}
volumes: {{data: {{}}}}
""")
        with EngineProxy(Path(place, "engine.sock")) as proxy:
            socket = Path(place, "engine.sock")
            os.chown(socket, 0, GROUP)
            socket.chmod(0o660)
            environment["DOCKER_HOST"] = proxy.address
            for path in (Path(place), folder, *folder.rglob("*")):
                os.chown(path, USER, USER)
                path.chmod(0o600 if path.is_file() else 0o700)
            Path(place).chmod(0o755)
            yield made


@pytest.mark.skipif(not _becomes(), reason="becoming another user takes root")
def test_a_whole_life_of_a_stack(members: Project) -> None:
    life = (
        ("up",),
        ("status",),
        ("exec", "web", "true"),
        ("logs",),
        ("up", "--plan", "--exit-code"),
        ("down",),
    )
    for task in life:
        ran = subprocess.run(
            [*AS_MEMBER, sys.executable, "-m", "invoke", *task],
            umask=0o077,
            cwd=members.folder,
            env=members.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, (task, ran.stderr)
        assert "Traceback" not in ran.stdout + ran.stderr
        assert "can't be" not in ran.stderr, (task, ran.stderr)
    kept = members.folder / ".composetasks"
    assert {path.lstat().st_uid for path in (kept, *kept.rglob("*"))} == {USER}
    assert kept.lstat().st_mode & 0o077 == 0
    assert not [path for path in (kept / "runs").rglob("*") if path.lstat().st_mode & 0o077]
