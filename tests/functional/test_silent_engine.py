"""An engine that takes a request and never answers it, while it may well answer others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project

COMPOSE = """
name: shop
services:
  db: {image: "db:1"}
  job: {image: "db:1"}
"""


def container(service: str, state: str) -> dict[str, Any]:
    labels = {"project": "shop", "service": service, "container-number": "1", "oneoff": "False"}
    return {
        "Id": f"id-{service}",
        "Names": [f"/shop-{service}-1"],
        "Image": "db:1",
        "ImageID": "sha256:db",
        "State": state,
        "Status": "Up 3 minutes" if state == "running" else "Exited (1) 3 minutes ago",
        "Created": 1,
        "Labels": {f"com.docker.compose.{name}": value for name, value in labels.items()}
        | {"com.docker.compose.config-hash": "abc"},
        "inspect": {
            "Config": {"Tty": False},
            "Id": f"id-{service}",
            "Name": f"/shop-{service}-1",
            "State": {"Status": state},
        },
    }


@pytest.fixture
def shop(project: Project, engine: ScriptedEngine) -> Project:
    project.write("compose.yaml", COMPOSE)
    # What is late is told at half of it. The other half is what a thread of a busy machine may
    # need to be heard before the end.
    project.environment["INVOKE_STACK_ENGINE_TIMEOUT"] = "10"
    engine.images = [{"Id": "sha256:db", "RepoTags": ["db:1"], "Created": 1, "Size": 2}]
    engine.networks = [{"Id": "n1", "Name": "bridge"}]
    engine.containers = [container("db", "running"), container("job", "exited")]
    return project


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [
        ("status", "GET", "/version"),
        ("status", "GET", "/containers/json"),
        ("status", "GET", "/containers/id-db/json"),
        ("status --json", "GET", "/volumes"),
        ("status --watch", "GET", "/events"),
        ("logs", "GET", "/containers/id-db/logs"),
        ("logs --follow", "GET", "/events"),
        ("logs --follow", "GET", "/containers/id-db/logs"),
        ("up --yes --timeout 300", "GET", "/events"),
        ("build", "GET", "/images/db:1/json"),
        ("exec db true", "GET", "/containers/json"),
        ("restart db", "GET", "/containers/json"),
        ("open db", "GET", "/containers/json"),
        ("graph", "GET", "/containers/json"),
        ("watch", "GET", "/containers/json"),
        ("logs --follow --tail 0", "GET", "/_ping"),
    ],
)
def test_what_was_asked_for_is_said_and_the_run_ends(
    shop: Project, engine: ScriptedEngine, arguments: str, method: str, path: str
) -> None:
    engine.silent.add((method, path))
    ran = shop.inv(*arguments.split())
    assert ran.code == 5, ran.err
    assert f"waiting for the engine ({method} {path}" in ran.err
    assert "error: the engine does not answer" in ran.err + ran.out
    assert "next: " in ran.err


def test_work_may_take_three_times_as_long(shop: Project, engine: ScriptedEngine) -> None:
    engine.containers = [container("job", "exited")]
    engine.silent.add(("DELETE", "/containers/id-job"))
    ran = shop.inv("down")
    assert ran.code == 5, ran.err
    assert "no answer to DELETE /containers/id-job within 30 s" in ran.err
