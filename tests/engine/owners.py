"""Instances that live for a process, and every trace of them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.engine.stacks import docker, free_port
from tests.project import Project

SECONDS = 30.0
"""How long an instance may outlive its owner."""
STACK = """
services:
  db:
    image: ct-test/busybox
    init: true
    command: [sleep, "1000"]
    volumes: ["data:/data", "./state:/state"]
  web:
    image: ct-test/busybox
    init: true
    command: [httpd, -f, -p, "80"]
    ports: ["127.0.0.1:PORT:80"]
    networks: [default, extra]
volumes: {data: {}}
networks: {extra: {}}
"""
TASKS = """
from composetasks import collection
ns = collection(config={"stack": {"state": {"state": {"path": "state"}}}})
"""


def write_stack(project: Project) -> None:
    """Write a stack with state of both kinds and a port."""
    project.compose(STACK.replace("PORT", str(free_port())))
    project.write("tasks.py", TASKS)


@contextlib.contextmanager
def owner() -> Iterator[subprocess.Popen[bytes]]:
    """A process to live for."""
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        yield child
    finally:
        end(child)


def traces(project: Project, name: str) -> list[str]:
    """All there is of an instance: on the engine, on disk, in the process table."""
    label = f"label=com.docker.compose.project={project.name}-{name}"
    results = []
    for kind, listing in (("container", "-aq"), ("network", "-q"), ("volume", "-q")):
        results += [
            f"{kind} {one}" for one in docker(kind, "ls", listing, "--filter", label).split()
        ]
    tags = f"{project.name}-*:{name}"
    results += [f"image {one}" for one in docker("image", "ls", "-q", tags).split()]
    results += [str(path) for path in folder(project, name).parent.glob(f"*{name}*")]
    return results + [f"process {one}" for one in watchers(project, name)]


def containers(project: Project, name: str) -> list[str]:
    label = f"label=com.docker.compose.project={project.name}-{name}"
    return docker("container", "ls", "-aq", "--filter", label).split()


def end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()


def folder(project: Project, name: str) -> Path:
    return project.folder / ".composetasks" / "instances" / name


def watchers(project: Project, name: str) -> list[int]:
    """The processes whose last argument is the instance's folder."""
    results = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-1:] == [str(folder(project, name))]:
                results.append(process.pid)
    return results


def ran(project: Project, name: str, *words: str, pid: int | None = None) -> None:
    lives = {} if pid is None else {"INVOKE_STACK_OWNER": str(pid)}
    done = project.inv(*words, INVOKE_STACK_INSTANCE=name, **lives)
    assert done.code == 0, done.err
