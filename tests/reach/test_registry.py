"""The registry that images are shared in: what the doctor says of it, and a cache kept there."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.engine.stacks import docker
from tests.faults.own_engine import OwnEngine
from tests.project import TASKS, Project, own_environment
from tests.reach.swarm import PASSWORD, SUBNET, USER, private_registry


def test_the_doctor_asks_the_registry_through_the_engine(engine: OwnEngine, tmp_path: Path) -> None:
    environment = {**own_environment(), "DOCKER_HOST": engine.address}
    shop = Project(tmp_path / "shop", environment, "ct-registry")
    shop.write("tasks.py", TASKS)
    shop.compose("services: {web: {image: nothing}}")
    here = ("ip", "addr", "add", f"{SUBNET}.1/32", "dev", "lo")
    subprocess.run(engine.inside(*here), check=True)
    config = shop.write("docker/config.json", "{}")

    def said(**more: str) -> tuple[str, str, str]:
        ran = shop.inv("doctor", "--json", DOCKER_CONFIG=str(config.parent), **more)
        checks = {one["name"]: one for one in ran.document["checks"]}
        return tuple(checks["registry"][key] for key in ("status", "message", "hint"))

    with private_registry(engine, tmp_path, "127.0.0.1") as local:
        stranger = said(INVOKE_STACK_REGISTRY=f"{local}/shop")
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        config.write_text(json.dumps({"auths": {local: {"auth": known}}}))
        friend = said(INVOKE_STACK_REGISTRY=f"{local}/shop")
    gone = said(INVOKE_STACK_REGISTRY=f"{local}/shop")
    (tmp_path / "second").mkdir()
    with private_registry(engine, tmp_path / "second") as plain:
        insecure = said(INVOKE_STACK_REGISTRY=f"{plain}/shop")

    assert said()[0] == "ok"
    assert friend == ("ok", f"the engine reaches {local}/shop", "")
    assert (stranger[0], stranger[2]) == ("warning", f"`docker login {local}`")
    assert gone[0] == "warning"
    assert "connection refused" in gone[1]
    assert insecure[0] == "warning"
    assert "it speaks only HTTP" in insecure[2]
    assert PASSWORD not in str((stranger, friend, gone, insecure))


def test_a_cache_that_the_compose_file_names_spares_an_empty_builder_the_stages(
    tmp_path: Path,
) -> None:
    # Only containerd's image store can write it.
    options = ("--feature", "containerd-snapshotter=true")
    with (
        OwnEngine(options=options) as other,
        private_registry(other, tmp_path, "127.0.0.1") as registry,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("DOCKER_HOST", other.address)
        busybox.image()
        shop = Project(tmp_path / "shop", {**own_environment(), "DOCKER_HOST": other.address})
        shop.environment["DOCKER_CONFIG"] = str(shop.folder / "docker")
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        shop.write("docker/config.json", json.dumps({"auths": {registry: {"auth": known}}}))
        shop.write("tasks.py", TASKS)
        shop.write("invoke.yaml", f"stack: {{registry: {registry}/shop}}\n")
        random = "RUN od -An -tx8 -N8 /dev/urandom >/made"
        last = f"FROM {busybox.TAG}\nCOPY page /page\nCOPY --from=first /made /made\n"
        shop.write("Dockerfile", f"FROM {busybox.TAG} AS first\n{random}\n{last}")
        cache = f"type=registry,ref={registry}/cache"
        named = f"cache_to: ['{cache},mode=max'], cache_from: ['{cache}']"
        shop.compose(f"services: {{web: {{build: {{context: ., {named}}}}}}}\n")

        def built(page: str) -> list[str]:
            shop.write("page", f"{page}\n")
            ran = shop.inv("build", "--push")
            assert ran.code == 0, ran.err
            return docker("run", "--rm", f"{shop.name}-web", "cat", "/made", "/page").split()

        first = built("one")
        docker("image", "rm", "--force", f"{shop.name}-web")
        docker("builder", "prune", "--all", "--force")
        second = built("two")

    assert (first[1:], second[1:]) == (["one"], ["two"])
    assert first[0] == second[0]
