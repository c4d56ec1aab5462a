"""Whether an image has the program of a health check, seen without starting anything."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from composetasks.apply.doctor.container import Containers
from composetasks.apply.doctor.programs import lacking
from composetasks.facts import Mount, Service, World
from composetasks.observe.engine.inventory import connect, read_engine
from composetasks.observe.images.health_checks import image_checks
from tests.engine.busybox import TAG
from tests.engine.stacks import docker, remove_project
from tests.unit.worlds import model, service

if TYPE_CHECKING:
    from docker import APIClient


@pytest.fixture
def client() -> Iterator[APIClient]:
    made = connect()
    yield made
    made.close()


@pytest.fixture
def project() -> Iterator[str]:
    name = f"ct-test-{uuid.uuid4().hex[:8]}"
    yield name
    remove_project(name)


def web(**changes: Any) -> Service:
    return service("web", image=TAG, **changes)


def lacks(client: APIClient, project: str, one: Service, *programs: str) -> dict[str, str]:
    world = World(model(one, project=project), read_engine(client))
    return lacking(client, world, {"web": programs}, Containers())


def containers(project: str) -> list[str]:
    return docker("ps", "-aq", "--filter", f"name={project}").split()


@pytest.mark.parametrize("program", ["wget", "/bin/wget", "./bin/wget", "bin/../bin/sh"])
def test_a_program_that_is_there(client: APIClient, project: str, program: str) -> None:
    assert lacks(client, project, web(), program) == {}
    assert containers(project) == []


@pytest.mark.parametrize("program", ["curl", "/usr/bin/wget", "./wget"])
def test_a_program_that_is_not(client: APIClient, project: str, program: str) -> None:
    assert lacks(client, project, web(), "sh", program) == {"web": program}
    assert containers(project) == []


def test_path_and_folder_are_the_services_own(client: APIClient, project: str) -> None:
    config = {"environment": {"PATH": "/sbin"}, "working_dir": "/bin"}
    assert lacks(client, project, web(config=config), "wget") == {"web": "wget"}
    assert lacks(client, project, web(config=config), "./wget") == {}


def test_what_a_mount_may_bring_is_not_judged(client: APIClient, project: str) -> None:
    one = web(mounts=(Mount("volume", "tools", "/tools"),))
    assert lacks(client, project, one, "/tools/check") == {}
    assert lacks(client, project, one, "/toolshed/check") == {"web": "/toolshed/check"}


def test_an_image_that_is_not_here_is_not_judged(client: APIClient, project: str) -> None:
    assert lacks(client, project, service("web", image="ct-test/none:1"), "curl") == {}


def test_the_services_own_container_is_asked_where_there_is_one(
    client: APIClient, project: str, tmp_path: Path
) -> None:
    labels = {
        "com.docker.compose.project": project,
        "com.docker.compose.service": "web",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.config-hash": "abc",
    }
    options = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    key = docker("create", *options, TAG, "true")
    assert lacks(client, project, web(), "check") == {"web": "check"}
    (tmp_path / "check").write_text("")
    docker("cp", str(tmp_path / "check"), f"{key}:/bin/check")
    one = web(mounts=(Mount("volume", "tools", "/tools"),))
    assert lacks(client, project, one, "check") == {}
    assert lacks(client, project, one, "/tools/check") == {"web": "/tools/check"}


def test_a_check_of_the_image_is_seen(client: APIClient, project: str, tmp_path: Path) -> None:
    key = docker("create", "--label", f"com.docker.compose.project={project}", TAG, "true")
    tag = f"{project}-checked:latest"
    docker("commit", "--change", "HEALTHCHECK CMD true", key, tag)
    bare, checked = service("bare", image=TAG), service("checked", image=tag)
    off = service("off", image=tag, config={"healthcheck": {"disable": True}})
    of = model(bare, checked, off, service("gone", image="ct-test/none:1"))
    # One that is not here may have a check: nobody knows yet.
    result = image_checks(client, of, read_engine(client), tmp_path)
    assert result == {"checked": tag, "gone": "ct-test/none:1"}
