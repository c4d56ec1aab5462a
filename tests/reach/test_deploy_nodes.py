"""`inv deploy` on a swarm of three nodes, with a registry that asks for a password."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
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
    shop.environment["DOCKER_CONFIG"] = str(shop.folder / "docker")
    context = ["docker", "context", "create", "prod", "--docker", f"host={manager.address}"]
    subprocess.run(context, env=shop.environment, check=True, capture_output=True)
    deploy = "deploy: {endpoint: dnsrr, context: prod}"
    shop.write("invoke.yaml", f"stack: {{{deploy}}}\n")
    alone = shop.inv("deploy", "--plan")
    shop.write("invoke.yaml", f"stack: {{registry: {registry}/shop, {deploy}}}\n")
    stranger = shop.inv("deploy")
    known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    shop.write("docker/config.json", json.dumps({"auths": {registry: {"auth": known}}}))
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
    assert "no manager of a swarm" in worker.err
    # Without a registry, other nodes could not have what is built here.
    assert alone.code == 6
    assert "stack.registry" in alone.err
    assert stranger.code == 1, stranger.err
    assert first.code == 0, first.err
    tasks = {one["name"]: one["tasks"] for one in first.lines[-1]["deployed"]}
    assert {one["node"] for one in tasks["web"]} == {"node-1", "node-2", "node-3"}
    assert {one["node"] for one in tasks["agent"]} == {"node-1", "node-2", "node-3"}
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
    assert {one["node"] for one in shown["web"]} == {"node-1", "node-2", "node-3"}
    page = shop.inv("status", DOCKER_CONTEXT="prod", DOCKER_HOST="").out
    assert "node-3" in page
    assert "missing" not in page
    wrote = shop.inv("logs", "web", "--json", DOCKER_CONTEXT="prod", DOCKER_HOST="").lines[:-1]
    nodes = {one["container"].partition("@")[2] for one in wrote if one["line"] == "two"}
    assert nodes == {"node-1", "node-2", "node-3"}
    assert shop.inv("deploy", "--remove", "--yes").code == 0
