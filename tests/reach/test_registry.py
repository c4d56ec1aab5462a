"""What the doctor says of the registry that images are shared in."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

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
    assert friend == ("ok", f"{local}/shop answers the engine", "")
    assert (stranger[0], stranger[2]) == ("warning", f"`docker login {local}`")
    assert gone[0] == "warning"
    assert "connection refused" in gone[1]
    assert insecure[0] == "warning"
    assert "it speaks http alone" in insecure[2]
    assert PASSWORD not in str((stranger, friend, gone, insecure))
