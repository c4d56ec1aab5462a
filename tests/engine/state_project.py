"""A project with state of each kind, and what tests of it look at."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.engine.stacks import docker, wait_until
from tests.project import Project
from tests.repositories import git

TOY = """
services:
  db: &sleeper
    image: ct-test/busybox
    init: true
    command: [sleep, "3600"]
    stop_grace_period: 2s
    volumes: ["data:/data"]
  app:
    <<: *sleeper
    volumes: ["./state/points:/points", "./state/jars:/jars", "./src:/src", "./conf:/conf:ro"]
    depends_on: [db]
  other:
    <<: *sleeper
    volumes: []
volumes: {data: {}}
"""

TASKS = """
from composetasks import collection
ns = collection(config={"stack": %r})
"""

STATE = {
    "data": {"group": "rows", "description": "what was scored"},
    "state/points": {"group": "rows", "path": "state/points"},
    "state/jars": {"cache": True, "path": "state/jars"},
}


def make_toy(project: Project, **stack: Any) -> Project:
    """Write the toy, tracked by git where it is code, start it, and fill its state."""
    project.compose(TOY)
    project.write("tasks.py", TASKS % {"state": STATE, **stack})
    project.write("src/code.py", "code")
    project.write("conf/app.conf", "read = only")
    git(project.folder, "init", "-q")
    git(project.folder, "add", "compose.yaml", "tasks.py", "src")
    ran = project.inv("up")
    assert ran.code == 0, ran.err
    fill(project, "old")
    return project


def fill(project: Project, word: str) -> None:
    """Give all state content that says ``word``."""
    script = f"mkdir -p /data/rows; echo {word} > /data/rows/1; ln -sf /etc/passwd /data/link"
    docker("exec", f"{project.name}-db-1", "sh", "-c", script)
    script = f"echo {word} > /points/1; echo {word} > /jars/1"
    docker("exec", f"{project.name}-app-1", "sh", "-c", script)


def volume(project: Project, key: str) -> str:
    return f"{project.name}_{key}"


def content(place: str) -> dict[str, str]:
    """What is in a volume (by name) or a folder (by path): each path with mode, owner, link and
    digest, read by a container of busybox and none of our code."""
    script = (
        "cd /there && find . | sort | while read -r p; do "
        's=$(stat -c "%f %u:%g %N" "$p"); d=; [ -f "$p" ] && [ ! -L "$p" ] && '
        'd=$(sha256sum < "$p"); echo "$p|$s $d"; done'
    )
    said = docker("run", "--rm", "-v", f"{place}:/there:ro", "ct-test/busybox", "sh", "-c", script)
    return dict(line.split("|", 1) for line in said.splitlines())


def digest(place: str) -> str:
    """A digest over all that is in a volume or folder, attributes but times included."""
    return hashlib.sha256(json.dumps(content(place), sort_keys=True).encode()).hexdigest()


def running(project: Project) -> dict[str, tuple[str, str]]:
    """The containers that run: service name to id and the time of its start."""
    names = docker("ps", "-q", "--filter", f"label=com.docker.compose.project={project.name}")
    results = {}
    for key in names.split():
        record = json.loads(docker("inspect", key))[0]
        service = record["Config"]["Labels"]["com.docker.compose.service"]
        results[service] = (record["Id"], record["State"]["StartedAt"])
    return results


def helpers(project: Project) -> list[str]:
    """The helper containers there are for a project."""
    return docker("ps", "-aq", "--filter", f"label=composetasks.helper={project.name}").split()


def no_helper_at_work(project: Project) -> None:
    """Wait until the helpers of killed runs have cleaned up. (One that was made and never started,
    because its run was killed between the two, stays there for the next run to remove.)"""
    label = f"label=composetasks.helper={project.name}"
    wait_until(lambda: not docker("ps", "-q", "--filter", label))


def mountpoint(name: str) -> Path:
    """The folder of a volume; skips the test where it can't be read from here."""
    path = Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", name))
    if not os.access(path, os.R_OK | os.X_OK):
        pytest.skip("the engine's volumes can't be read from here")
    return path
