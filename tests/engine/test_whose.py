"""Whose a container is: what Compose made is told from what only inherited its labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.busybox import TAG
from tests.engine.stacks import compose, docker, own_project, remove_project
from tests.project import Project

pytestmark = pytest.mark.engine
SLEEP = {"image": TAG, "init": True, "command": ["sleep", "3600"], "stop_grace_period": "1s"}


def write(project: Project, **services: dict[str, Any]) -> None:
    whole = {key: {**SLEEP, **one} for key, one in services.items()}
    project.write("compose.yaml", json.dumps({"name": project.name, "services": whole}))


def on_engine(project: Project) -> dict[str, str]:
    """The containers whose names begin with the project's, and their ids."""
    lines = docker("ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
    return dict(line.split() for line in lines if line.startswith(project.name))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Project]:
    """A project whose image is built, with strangers made of it and of a commit of its container
    on the engine."""
    with own_project(tmp_path) as project:
        built = {"dockerfile_inline": f"FROM {TAG}\nLABEL of={project.name}\n"}
        write(project, web={"image": f"{project.name}-web", "build": built})
        assert project.inv("up").code == 0
        yield project
        mine = [name for name in on_engine(project) if name.startswith(f"{project.name}-by-")]
        docker("rm", "-fv", *mine, check=False)
        remove_project(project.name)


def by_hand(project: Project, name: str, image: str, *command: str) -> str:
    """The name of a running container of the image, beside the project."""
    whole = f"{project.name}-by-{name}"
    docker("run", "-d", "--init", "--network", "none", "--name", whole, image, *command)
    return whole


def test_what_is_run_by_hand_of_a_services_image_is_a_stranger(shop: Project) -> None:
    mine = by_hand(shop, "hand", f"{shop.name}-web", "sh", "-c", "echo stranger; sleep 3600")
    before = on_engine(shop)
    assert shop.plan("up") == []
    assert shop.inv("up").code == 0
    assert shop.inv("clean-orphans", "--force").code == 0
    assert on_engine(shop) == before
    [web] = shop.inv("status", "--json").document["services"]
    assert web["state"] == "running"
    assert "stranger" not in shop.inv("logs").out
    # One that ends says nothing of the service, and the next start nothing of it.
    docker("stop", "-t", "0", mine)
    docker("stop", "-t", "0", f"{shop.name}-web-1")
    assert shop.plan("up") == [("start-container", f"{shop.name}-web-1")]
    assert shop.inv("up").code == 0
    removed = shop.plan("down")
    assert ("remove-container", mine) not in removed
    assert shop.inv("down").code == 0
    assert on_engine(shop) == {mine: before[mine]}


def test_a_stranger_that_ends_during_a_start_is_no_end_of_it(shop: Project) -> None:
    docker("stop", "-t", "0", f"{shop.name}-web-1")
    by_hand(shop, "ending", f"{shop.name}-web", "sh", "-c", "exit 3")
    by_hand(shop, "restarts", f"{shop.name}-web", "sh", "-c", "sleep 0.2; exit 4")
    docker("update", "--restart", "always", f"{shop.name}-by-restarts")
    assert shop.inv("up").code == 0


def test_the_commit_of_a_container_is_a_stranger_that_compose_would_remove(shop: Project) -> None:
    image = f"{shop.name}-web:committed"
    docker("commit", f"{shop.name}-web-1", image)
    mine = by_hand(shop, "commit", image)
    web = f"{shop.name}-web-1"
    # Compose counts it by its labels: `docker compose up` would remove one of the two.
    assert mine in compose(shop, "ps", "--format", "{{.Names}}").split()
    before = on_engine(shop)
    assert shop.inv("up").code == 0
    assert on_engine(shop) == before
    docker("stop", "-t", "0", web)
    refused = shop.inv("up", "--json")
    assert refused.code == 9
    assert f"container {mine} has the Compose labels of service web" in refused.lines[-1]["message"]
    assert on_engine(shop) == before
    # As any stranger that runs and is in the way it goes with --force.
    assert shop.inv("up", "--force").code == 0
    assert on_engine(shop) == {web: before[web]}
    mine = by_hand(shop, "commit", image)
    before = on_engine(shop)
    assert shop.inv("down").code == 0
    assert on_engine(shop) == {mine: before[mine]}


def test_a_kept_hook_is_no_replica_and_goes_with_the_project(tmp_path: Path) -> None:
    with own_project(tmp_path) as project:
        failing = {"command": ["sh", "-c", "exit 3"]}
        write(project, db={"volumes": ["/anonymous"], "pre_start": [failing]})
        compose(project, "up", "-d", check=False)
        [hook] = [name for name in on_engine(project) if "pre_start" in name]
        db = f"{project.name}-db-1"
        volume = _anonymous(db)
        # Compose takes the container for what it is: so does the plan.
        assert project.plan("up") == [("start-container", db)]
        write(project, db={"volumes": ["/anonymous"], "pre_start": [{"command": ["true"]}]})
        assert project.inv("up").code == 0
        assert _anonymous(db) == volume
        assert hook not in on_engine(project)
        write(project, db={"volumes": ["/anonymous"], "pre_start": [failing]})
        compose(project, "up", "-d", "--force-recreate", check=False)
        assert set(on_engine(project)) == {hook, db}
        assert project.inv("down").code == 0
        assert on_engine(project) == {}
        docker("volume", "rm", volume)


def _anonymous(container: str) -> str:
    [mount] = json.loads(docker("inspect", "--format", "{{json .Mounts}}", container))
    return str(mount["Name"])
