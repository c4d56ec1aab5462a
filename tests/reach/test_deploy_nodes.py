"""`inv deploy` on a swarm of three nodes, with a registry that asks for a password: images reach
them all, each change one service's tasks on all of them, and what fails on some takes all back."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.engine.stacks import wait_until
from tests.faults.own_engine import see_that_one_can_be_had
from tests.project import TASKS, Project, own_environment
from tests.reach.swarm import PASSWORD, USER, Manager, nodes, private_registry, swarm_of

LOOP = "trap 'exit 0' TERM; while :; do sleep 1; done"
COMPOSE = f"""\
services:
  web:
    build: .
    command: [sh, -c, "cat /page; {LOOP}"]
    deploy: {{replicas: 3, update_config: {{monitor: 1s, parallelism: 3}}}}
  agent:
    build: .
    command: [sh, -c, "{LOOP}"]
    deploy: {{mode: global}}
"""
NODES = {"node-1", "node-2", "node-3"}
DEPLOY = "deploy: {endpoint: dnsrr, context: prod}"
WAYS = f"""\
services:
  prepare:
    image: IMAGE
    command: [echo, prepared]
  web:
    image: IMAGE
    command: [sh, -c, "cat /conf; {LOOP}"]
    depends_on: {{prepare: {{condition: service_completed_successfully}}}}
    environment: {{COLOUR: red}}
    configs: [{{source: conf, target: /conf}}]
    deploy: &all {{replicas: 3, update_config: {{monitor: 1s, parallelism: 3}}}}
  api:
    build: .
    healthcheck: {{test: [CMD, "true"], interval: 1s}}
    deploy: *all
configs: {{conf: {{content: one}}}}
"""
LIVES = f"FROM {busybox.TAG}\nCMD {json.dumps(['sh', '-c', LOOP])}\n"
DIES = f"FROM {busybox.TAG}\nCMD echo 'FATAL: no disk left'; exit 3\n"


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Manager, Manager, str]]:
    """Its manager, the engine of a worker, which builds, and the registry that all nodes reach."""
    see_that_one_can_be_had()
    with (
        nodes(3) as engines,
        private_registry(engines[0], tmp_path_factory.mktemp("registry")) as registry,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("DOCKER_HOST", engines[1].address)
        busybox.image()
        yield swarm_of(engines), Manager(engines[1].address), registry


def has_context(shop: Project, manager: Manager) -> None:
    """Give the project's user the context ``prod``, which is the swarm."""
    shop.environment["DOCKER_CONFIG"] = str(shop.folder / "docker")
    context = ["docker", "context", "create", "prod", "--docker", f"host={manager.address}"]
    subprocess.run(context, env=shop.environment, check=True, capture_output=True)


def is_known(shop: Project, registry: str) -> None:
    """Let the project's user be the one whom the registry knows."""
    known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    shop.write("docker/config.json", json.dumps({"auths": {registry: {"auth": known}}}))


def test_images_reach_all_nodes_by_their_digests(
    swarm: tuple[Manager, Manager, str], tmp_path: Path
) -> None:
    manager, builder, registry = swarm
    environment = {**own_environment(), "DOCKER_HOST": builder.address}
    shop = Project(tmp_path / "shop", environment, "ct-nodes")
    shop.write("tasks.py", TASKS)
    shop.write("Dockerfile", f"FROM {busybox.TAG}\nCOPY page /page\n")
    shop.write("page", "one\n")
    shop.compose(COMPOSE)

    worker = shop.inv("deploy", "--plan")
    has_context(shop, manager)
    shop.write("invoke.yaml", f"stack: {{{DEPLOY}}}\n")
    alone = shop.inv("deploy", "--plan")
    shop.write("invoke.yaml", f"stack: {{registry: {registry}/shop, {DEPLOY}}}\n")
    stranger = shop.inv("deploy")
    is_known(shop, registry)
    first = shop.inv("deploy", "--json")
    again = shop.inv("deploy", "--plan", "--exit-code")
    shop.write("page", "two\n")
    edited = shop.inv("deploy")
    # What is not built here comes by the digest that the registry names, too.
    pages = f"{registry}/shop/pages:1"
    for action in (("tag", busybox.TAG, pages), ("push", "--quiet", pages)):
        subprocess.run(["docker", *action], env=shop.environment, check=True)
    every = f'command: [sh, -c, "{LOOP}"], deploy: {{mode: global}}'
    shop.compose(f"{COMPOSE}  pages: {{image: '{pages}', {every}}}\n")
    named = shop.inv("deploy")

    assert worker.code == 5
    assert "not a swarm manager" in worker.err
    assert "next: create a swarm there with `docker swarm init`, or set stack.deploy" in worker.err
    # Without a registry, other nodes could not have what is built here.
    assert alone.code == 6
    assert "stack.registry" in alone.err
    assert stranger.code == 1, stranger.err
    assert first.code == 0, first.err
    tasks = {one["name"]: one["tasks"] for one in first.lines[-1]["deployed"]}
    assert {one["node"] for one in tasks["web"]} == NODES
    assert {one["node"] for one in tasks["agent"]} == NODES
    assert again.code == 0, again.out
    assert edited.code == 0, edited.err
    assert named.code == 0, named.err
    assert "ct-nodes_pages: 3 of 3 tasks" in named.err
    assert set(manager.specs("ct-nodes")) == {"agent", "pages", "web"}
    for spec in manager.specs("ct-nodes").values():
        image = spec["TaskTemplate"]["ContainerSpec"]["Image"]
        assert image.startswith(f"{registry}/shop/")
        assert "@sha256:" in image
    assert "two" in manager.docker("service", "logs", "--raw", "ct-nodes_web")
    there = shop.inv("status", "--json", DOCKER_CONTEXT="prod", DOCKER_HOST="").document
    shown = {one["name"]: one["tasks"] for one in there["deployed"]}
    assert {one["node"] for one in shown["web"]} == NODES
    page = shop.inv("status", DOCKER_CONTEXT="prod", DOCKER_HOST="").out
    assert "node-3" in page
    assert "missing" not in page
    wrote = shop.inv("logs", "web", "--json", DOCKER_CONTEXT="prod", DOCKER_HOST="").lines[:-1]
    nodes = {one["container"].partition("@")[2] for one in wrote if one["line"] == "two"}
    assert nodes == NODES
    assert shop.inv("deploy", "--remove", "--yes").code == 0


def test_each_change_and_each_way_back_is_made_on_all_nodes(
    swarm: tuple[Manager, Manager, str], tmp_path: Path
) -> None:
    manager, builder, registry = swarm
    name = "ct-ways"
    shop = Project(tmp_path / "shop", {**own_environment(), "DOCKER_HOST": builder.address}, name)
    shop.write("tasks.py", TASKS)
    shop.write("invoke.yaml", f"stack: {{registry: {registry}/ways, {DEPLOY}}}\n")
    shop.write("Dockerfile", LIVES)
    has_context(shop, manager)
    is_known(shop, registry)
    shown = f"{registry}/ways/shown:1"
    for action in (("tag", busybox.TAG, shown), ("push", "--quiet", shown)):
        subprocess.run(["docker", *action], env=shop.environment, check=True)
    text = WAYS.replace("IMAGE", shown)
    shop.compose(text)

    def deployed(*arguments: str) -> set[str]:
        """Deploy; the services that were changed, each of which runs on all nodes after it."""
        before = manager.versions(name)
        ran = shop.inv("deploy", *arguments, "--json")
        assert ran.code == 0, ran.err
        for one in ran.lines[-1]["deployed"]:
            assert {task["node"] for task in one["tasks"]} == NODES or one["name"] == "prepare", one
        after = manager.versions(name)
        return {one for one in after if after[one] != before.get(one)}

    assert deployed() == {"prepare", "web", "api"}
    assert "ReplicatedJob" in manager.specs(name)["prepare"]["Mode"]
    assert deployed() == set()
    shop.compose(text := text.replace("COLOUR: red", "COLOUR: blue"))
    assert deployed() == {"web"}
    shop.compose(text := text.replace("content: one", "content: two"))
    assert deployed() == {"web"}
    two = manager.specs(name)

    # One of two that changed has an image that does not live, on no node.
    shop.write("Dockerfile", DIES)
    shop.compose(text.replace("COLOUR: blue", "COLOUR: green"))
    failed = shop.inv("deploy", "--json")
    assert failed.code == 8, failed.err
    told = failed.lines[-1]
    assert (told["service"], told["as_before"]) == ("api", True)
    assert told["diagnosis"]["telling"] == "FATAL: no disk left"
    assert manager.specs(name) == two
    assert {one.rsplit(maxsplit=1)[-1] for one in running(manager, name)} == NODES

    # By hand, and back: what somebody scaled is drift, and a revision is what all nodes run again.
    shop.write("Dockerfile", LIVES)
    shop.compose(text)
    manager.docker("service", "scale", "--detach", f"{name}_api=2")
    drift = shop.inv("deploy", "--plan", "--json").document["steps"]
    assert [(one["id"], one["because"][0]["kind"]) for one in drift] == [
        (f"update-service:{name}_api", "drift")
    ]
    assert deployed() == {"api"}
    assert manager.specs(name) == two
    assert deployed("--rollback", "1") == {"web"}
    assert "COLOUR=red" in manager.specs(name)["web"]["TaskTemplate"]["ContainerSpec"]["Env"]

    start, end = text.index("  api:"), text.index("configs: {conf")
    shop.compose(text[:start] + text[end:])
    assert shop.inv("deploy").code == 4
    # Two at once: the second waits no longer than it is told to.
    clone = replace(shop, folder=tmp_path / "clone")
    shutil.copytree(shop.folder, clone.folder)
    claim = ("config", "ls", "-q", "--filter", f"name={name}_deploying")
    first = shop.start("deploy", "--yes")
    wait_until(lambda: bool(manager.docker(*claim)))
    second = clone.inv("deploy", "--yes", "--wait-lock", "1")
    _, err = first.communicate(timeout=120)
    assert (first.returncode, second.code) == (0, 75), err + second.err
    assert set(manager.specs(name)) == {"prepare", "web"}
    assert shop.inv("deploy", "--remove", "--yes").code == 0


def running(manager: Manager, stack: str) -> list[str]:
    """The tasks of a stack that are to run: name and node."""
    shown = ("--filter", "desired-state=running", "--format", "{{.Name}} {{.Node}}")
    return manager.docker("stack", "ps", *shown, stack).splitlines()
