"""The stack is the same one wherever the user stands and whatever was there before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.busybox import TAG
from tests.engine.stacks import docker
from tests.project import Project, Ran

LOOP = """["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]"""
WEB = f"services: {{web: {{image: {TAG}, command: {LOOP}, stop_grace_period: 0s}}}}\n"


def inv_in(project: Project, folder: Path, *arguments: str, **environment: str) -> Ran:
    """``inv`` as from a shell that came to ``folder`` by this name."""
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=folder,
        env={**project.environment, "PWD": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def containers(project: Project) -> dict[str, str]:
    """The ids of the project's containers by their names."""
    label = f"label=com.docker.compose.project={project.name}"
    said = docker("ps", "-a", "--no-trunc", "--filter", label, "--format", "{{.Names}} {{.ID}}")
    return dict(line.split() for line in said.splitlines())


def test_a_new_override_is_seen_at_once(project: Project) -> None:
    project.compose(WEB)
    assert project.inv("up", "--no-wait").code == 0
    assert project.plan("up") == []
    project.write("compose.override.yaml", WEB.replace("web:", "more:"))
    assert project.plan("up") == [("create-container", f"{project.name}-more-1")]
    plain = ["docker", "compose", "up", "-d"]
    subprocess.run(plain, cwd=project.folder, env=project.environment, check=True)
    assert project.plan("up") == []
    (project.folder / "compose.override.yaml").rename(
        project.folder / "docker-compose.override.yml"
    )
    assert project.plan("up") == []


def test_through_a_link_and_then_from_below(project: Project) -> None:
    project.compose(WEB.replace("stop_grace", 'volumes: ["./data:/data"], stop_grace'))
    below = project.folder / "a" / "b"
    below.mkdir(parents=True)
    (project.folder / "data").mkdir()
    link = project.folder.parent / "link"
    link.symlink_to(project.folder)
    assert inv_in(project, link, "up", "--no-wait").code == 0
    before = containers(project)
    for place in (link / "a", link / "a" / "b", link):
        ran = inv_in(project, place, "up", "--no-wait")
        assert (ran.code, containers(project)) == (0, before), place
        assert "nothing to do" in ran.out
    plain = ["docker", "compose", "up", "-d"]
    environment = {**project.environment, "PWD": str(link / "a")}
    subprocess.run(plain, cwd=link / "a", env=environment, check=True)
    assert containers(project) == before


def test_a_stale_pwd_is_filled_in_as_compose_does(project: Project) -> None:
    project.compose(WEB.replace("command", 'labels: {at: "${PWD}"}, command'))
    compose = ["docker", "compose"]
    for stale in (str(project.folder.parent), "/nowhere", "relative", ""):
        environment = {**project.environment, "PWD": stale}
        subprocess.run([*compose, "up", "-d"], cwd=project.folder, env=environment, check=True)
        assert inv_in(project, project.folder, "up", "--plan", "--exit-code", PWD=stale).code == 0
    environment.pop("PWD")
    subprocess.run([*compose, "up", "-d"], cwd=project.folder, env=environment, check=True)
    assert inv_in(project, project.folder, "up", "--plan", "--exit-code").code == 0


@pytest.mark.parametrize("first", ["deploy", "root"])
def test_other_files_of_the_same_checkout_are_no_other_checkout(
    project: Project, first: str
) -> None:
    project.compose(WEB)
    project.write("deploy/a.yaml", f"name: {project.name}\n{WEB}")
    project.write("deploy/b.yaml", WEB.replace("web:", "more:"))
    deploy = {"COMPOSE_FILE": "deploy/a.yaml:deploy/b.yaml"}
    one, other = (deploy, {}) if first == "deploy" else ({}, deploy)
    assert project.inv("up", "--no-wait", **one).code == 0
    ran = project.inv("up", "--no-wait", **other)
    assert ran.code == 0, ran.err
    assert project.inv("down", **deploy).code == 0
    assert containers(project) == {}


def test_files_are_named_from_where_the_user_stands(project: Project) -> None:
    project.compose(WEB.replace("command", 'environment: {X: "${X:-none}"}, command'))
    project.write("below/prod.env", "X=below\n")
    project.write("below/other.yaml", f"name: {project.name}\n" + WEB.replace("web:", "below:"))
    below = project.folder / "below"
    ran = inv_in(project, below, "env", "--json", COMPOSE_ENV_FILES="prod.env")
    assert [one["value"] for one in ran.document["variables"]] == ["below"]
    ran = inv_in(project, below, "up", "--plan", "--json", COMPOSE_FILE="other.yaml")
    assert [one["target"] for one in ran.document["steps"]] == [f"{project.name}-below-1"]
    # Plain Compose finds none of these from above; here the project's folder counts too.
    ran = inv_in(project, below, "env", "--json", COMPOSE_ENV_FILES="below/prod.env")
    assert [one["value"] for one in ran.document["variables"]] == ["below"]


def test_a_name_in_a_context_that_is_not_utf_8_is_named(project: Project) -> None:
    project.compose(WEB.replace(f"image: {TAG}", "build: ./web"))
    project.write("web/Dockerfile", f"FROM {TAG}\nCOPY . /web\n")
    os.mknod(os.fsencode(project.folder) + b"/web/caf\xe9")
    ran = project.inv("build")
    assert ran.code == 6
    assert "web/caf\\xe9: its name or link target is not UTF-8" in ran.err
    plain = ["docker", "compose", "build"]
    refused = subprocess.run(
        plain, cwd=project.folder, env=project.environment, capture_output=True, check=False
    )
    assert refused.returncode != 0
    project.write("web/Dockerfile", f"FROM {TAG}\nCOPY Dockerfile /web\n")
    assert project.inv("build").code == 0


def test_with_streams_that_are_closed_and_another_builder_asked_for(project: Project) -> None:
    project.compose(WEB.replace(f"image: {TAG}", "build: ./web"))
    project.write("web/Dockerfile", f"FROM {TAG}\nLABEL x={project.name}\n")
    words = f"{sys.executable} -m invoke up --no-wait <&- >&- 2>&-"
    environment = {**project.environment, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(["sh", "-c", words], cwd=project.folder, env=environment, check=False)
    assert done.returncode == 0
    assert f"{project.name}-web-1" in containers(project)
