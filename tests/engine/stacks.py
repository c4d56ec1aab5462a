"""Projects in which a test runs Compose by hand and `inv` as a user, for what only looks."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.engine import busybox
from tests.project import TASKS, Project, own_environment


def docker(*arguments: str, check: bool = True) -> str:
    """The standard output of a docker command."""
    done = subprocess.run(
        ["docker", *arguments], check=check, capture_output=True, text=True, timeout=120
    )
    return done.stdout.strip()


def compose(project: Project, *arguments: str, check: bool = True, **environment: str) -> str:
    """The standard output of a Compose command in the project's folder."""
    done = subprocess.run(
        ["docker", "compose", *arguments],
        cwd=project.folder,
        env={**project.environment, **environment},
        check=check,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def wait_until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Wait for what nothing announces, as long as a very busy machine may take."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


def free_port() -> int:
    """A port that is free on every address at this moment."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


def free_prefixes() -> Iterator[str]:
    """The first three numbers of subnets (/24) that no network of the engine overlaps, from a
    random one on, because others look for one at the same time."""
    keys = docker("network", "ls", "-q").split()
    pools = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
    # A network may vanish meanwhile.
    result = docker("network", "inspect", "-f", pools, *keys, check=False).split()
    taken = [ipaddress.ip_network(one) for one in result]
    first = uuid.uuid4().int
    for number in range(first, first + 30 * 250):
        prefix = f"10.{220 + number // 250 % 30}.{number % 250}"
        subnet = ipaddress.ip_network(f"{prefix}.0/24")
        if not any(subnet.overlaps(one) for one in taken):
            yield prefix


def remove_project(name: str) -> None:
    """Everything on the engine that carries this Compose project's label or name."""
    label = f"label=com.docker.compose.project={name}"
    for kind, listing, force in (
        ("container", ["-aq"], ["-fv"]),
        ("network", ["-q"], []),
        ("volume", ["-q"], ["-f"]),
    ):
        result = docker(kind, "ls", *listing, "--filter", label).split()
        if result:
            docker(kind, "rm", *force, *result, check=False)
    tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{name}-*").split()
    if tags:
        docker("image", "rm", "-f", *tags, check=False)


@contextlib.contextmanager
def own_project(tmp_path: Path) -> Iterator[Project]:
    """A project with a name of its own, of which nothing stays."""
    busybox.image()
    name = f"ct-test-{uuid.uuid4().hex[:8]}"
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder, own_environment(), name)
    made.write("tasks.py", TASKS)
    try:
        yield made
    finally:
        remove_project(name)
