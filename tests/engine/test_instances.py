"""Several copies of one stack on one engine do not see one another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.engine.owners import owner
from tests.engine.stacks import docker, free_port, remove_project, wait_until
from tests.project import TASKS, Project, Ran
from tests.repositories import git

NAMES = ("one", "two", "three")
EIGHT = tuple(f"n{number}" for number in range(8))
STACK = """
services:
  db:
    image: ct-test/busybox
    container_name: {name}-fixed
    init: true
    command: [sleep, "1000"]
    stop_grace_period: 1s
    volumes: ["data:/data", "./state:/state"]
  web:
    build: web
    init: true
    command: [sh, -c, "hostname > /www/index.html; exec httpd -f -p 80 -h /www"]
    stop_grace_period: 1s
    healthcheck:
      {{test: [CMD, test, -s, /www/index.html], start_period: 60s, start_interval: 200ms}}
    ports: ["127.0.0.1::80", "127.0.0.1:{port}:80"]
volumes: {{data: {{name: {name}-named}}}}
"""
SMALL = """
services:
  web:
    image: ct-test/busybox
    network_mode: bridge
    init: true
    command: [httpd, -f, -p, "80"]
    ports: ["127.0.0.1:{port}:80"]
"""


@pytest.fixture
def shop(project: Project) -> Iterator[Project]:
    project.compose(STACK.format(name=project.name, port=free_port()))
    project.write(
        "web/Dockerfile", f"FROM ct-test/busybox\nWORKDIR /www\nLABEL of={project.name}\n"
    )
    git(project.folder, "init", "-q")
    git(project.folder, "add", "compose.yaml", "tasks.py", "web")
    yield project
    for name in (*NAMES, *EIGHT):
        remove_project(f"{project.name}-{name}")


def done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran


def seen(project: Project, name: str = "") -> dict[str, dict[str, Any]]:
    """What `inv status` says of each service."""
    said = done(project.inv("status", "--json", INVOKE_STACK_INSTANCE=name)).document
    return {one["name"]: one for one in said["services"]}


def page(project: Project, name: str = "") -> str:
    """What the published port of web answers: the id of the container behind it."""
    published = [port for port in seen(project, name)["web"]["ports"] if "->80" in port]
    assert len(published) == 2
    answers = {
        urlopen(f"http://{port.partition('->')[0]}").read().decode().strip() for port in published
    }
    [one] = answers
    return str(one)


def stamp(project: Project) -> dict[str, str]:
    """The containers of a project, with the times of their starts."""
    label = f"label=com.docker.compose.project={project.name}"
    ids = docker("ps", "-aq", "--filter", label).split()
    lines = docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", *ids) if ids else ""
    return dict(line.split() for line in lines.splitlines())


def test_three_instances_stand_side_by_side_and_do_not_see_one_another(shop: Project) -> None:
    done(shop.inv("up"))
    before = stamp(shop)
    for name in NAMES:
        assert "build-image" not in [action for action, _ in shop.plan("up", "--instance", name)]
        done(shop.inv("up", "--instance", name))
        assert shop.plan("up", "--instance", name) == []
    pages = {name: page(shop, name) for name in ("", *NAMES)}
    assert len(set(pages.values())) == 4
    for name in ("", *NAMES):
        db = f"{shop.name}-{name}-db-1" if name else f"{shop.name}-fixed"
        docker("exec", db, "sh", "-c", f"echo {name or 'base'} | tee /data/who > /state/who")
    for name in ("", *NAMES):
        db = f"{shop.name}-{name}-db-1" if name else f"{shop.name}-fixed"
        said = docker("exec", db, "cat", "/data/who", "/state/who").split()
        assert said == [name or "base"] * 2
    done(shop.inv("down", "--instance", "one"))
    done(shop.inv("up", "--instance", "one"))
    assert page(shop, "two") == pages["two"]
    assert stamp(shop) == before


def urls(project: Project, name: str) -> str:
    place = project.folder / ".composetasks" / "instances" / name / "ports.json"
    return json.dumps(json.loads(place.read_text()), sort_keys=True)


def test_its_ports_are_kept_while_it_lives(shop: Project) -> None:
    done(shop.inv("up", "--instance", "one"))
    kept = urls(shop, "one")
    done(shop.inv("down", "--instance", "one"))
    done(shop.inv("up", "--instance", "one"))
    assert urls(shop, "one") == kept
    [port] = json.loads(kept).values()
    assert any(f":{port}->" in one for one in seen(shop, "one")["web"]["ports"])


def test_emptying_the_state_of_an_instance_spares_that_of_the_stack(shop: Project) -> None:
    for name in ("", "one"):
        done(shop.inv("up", INVOKE_STACK_INSTANCE=name))
        db = f"{shop.name}-{name}-db-1" if name else f"{shop.name}-fixed"
        docker("exec", db, "touch", "/data/it", "/state/it")
    targets = [one for _, one in shop.plan("reset-state", "--instance", "one", "--no-snapshot")]
    assert {"data", "state"} <= set(targets)
    done(shop.inv("reset-state", "--instance", "one", "--no-snapshot", "--yes"))
    assert docker("exec", f"{shop.name}-fixed", "ls", "/data", "/state").split().count("it") == 2
    assert "it" not in docker("exec", f"{shop.name}-one-db-1", "ls", "/data", "/state").split()


def test_eight_starts_at_once_of_eight_instances_all_succeed(shop: Project) -> None:
    shop.compose(SMALL.format(port=free_port()))
    started = [shop.start("up", "--instance", name) for name in EIGHT]
    ended = [child.communicate(timeout=240) for child in started]
    assert [child.returncode for child in started] == [0] * 8, [err for _, err in ended]
    assert len({urls(shop, name) for name in EIGHT}) == 8
    for name in EIGHT:
        assert shop.plan("up", "--instance", name) == []


def test_eight_starts_at_once_of_one_instance_are_one_start(shop: Project) -> None:
    shop.compose(SMALL.format(port=free_port()))
    waiting = [shop.start("up", "--instance", "one", "--wait-lock", "240") for _ in range(8)]
    ended = [child.communicate(timeout=240) for child in waiting]
    assert [child.returncode for child in waiting] == [0] * 8, [err for _, err in ended]
    did = [out for out, _ in ended if "nothing to do" not in out]
    assert len(did) == 1
    first = stamp_of(shop, "one")
    hasty = [shop.start("up", "--instance", "one") for _ in range(8)]
    said = [child.communicate(timeout=240)[1] for child in hasty]
    assert {child.returncode for child in hasty} <= {0, 75}, said
    assert 0 in {child.returncode for child in hasty}
    assert all(
        "`inv up`, process" in err or "just started" in err
        for child, err in zip(hasty, said, strict=True)
        if child.returncode == 75
    )
    assert stamp_of(shop, "one") == first


def stamp_of(project: Project, name: str) -> dict[str, str]:
    return stamp(Project(project.folder, project.environment, f"{project.name}-{name}"))


def test_a_second_work_tree_is_offered_an_instance_by_its_name(
    shop: Project, tmp_path: Path
) -> None:
    git(shop.folder, "commit", "-qm", "one")
    git(shop.folder, "worktree", "add", "-q", str(tmp_path / "Three"))
    other = Project(tmp_path / "Three", shop.environment, shop.name)
    done(shop.inv("up"))
    before = stamp(shop)
    refused = other.inv("up")
    assert refused.code == 9
    commands = {one for one in refused.err.split("`") if one.startswith("inv up --instance ")}
    assert commands == {"inv up --instance three"}
    done(other.inv(*commands.pop().split()[1:]))
    assert other.plan("up", "--instance", "three") == []
    assert page(other, "three") != page(shop)
    assert stamp(shop) == before
    assert (other.folder / "tasks.py").read_text() == TASKS


def test_images_that_were_built_and_never_ran_lose_the_tags_of_an_ended_instance(
    shop: Project,
) -> None:
    with owner() as one:
        done(shop.inv("build", "--instance", "one", INVOKE_STACK_OWNER=str(one.pid)))
        assert docker("image", "ls", "-q", f"{shop.name}-web:one") != ""
        place = shop.folder / ".composetasks" / "instances" / "one"
    wait_until(lambda: not place.exists())
    assert docker("image", "ls", "-q", f"{shop.name}-web:one") == ""
    assert [action for action, _ in shop.plan("build")] == ["retag-image"]
