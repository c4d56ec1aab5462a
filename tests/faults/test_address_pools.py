"""An engine without a subnet left for one more network."""

from __future__ import annotations

import subprocess

from tests.engine.stacks import docker
from tests.faults.own_engine import OwnEngine
from tests.faults.runs import failed, heals
from tests.project import Project

MANY = 200
"""Networks that no engine's own address pools suffice for."""
ONE = "services: {one: {image: ct-test/busybox, init: true, command: [sleep, '1000']}}\n"


def take_all(owner: str) -> list[str]:
    """Make networks, as project ``owner`` left them, until the engine has no subnet."""
    label = f"com.docker.compose.project={owner}"
    names: list[str] = []
    while len(names) < MANY:
        argv = ["docker", "network", "create", "--label", label, f"{owner}-{len(names)}"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            assert "address pool" in done.stderr
            return names
        names.append(argv[-1])
    raise AssertionError(f"{MANY} networks, and there are still subnets")


def test_who_holds_them_is_told_and_nothing_of_others_goes(
    project: Project, engine: OwnEngine
) -> None:
    project.compose(ONE)
    others = take_all(f"{project.name}-gone")
    ran = project.inv("up")
    failed(ran, 8, "the engine has no free subnet left", f"project {project.name}-gone:", others[0])
    [command] = (line for line in ran.err.splitlines() if "docker network rm " in line)
    assert set(command.partition("network rm ")[2].split()) == set(others)
    there = docker("network", "ls", "--format", "{{.Name}}").split()
    assert set(others) <= set(there)
    docker("network", "rm", others[0])
    heals(project)
