"""``inv status`` of an engine that says little, or nothing any more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project

COMPOSE = """
name: shop
services:
  db: {image: "db:1", restart: always}
  job: {image: "db:1"}
  web: {image: "db:1", depends_on: [db]}
"""
IMAGE = {"Id": "sha256:db", "RepoTags": ["db:1"], "Created": 1, "Size": 2}


def container(service: str, state: str, status: str, **inspected: Any) -> dict[str, Any]:
    return {
        "Id": f"id-{service}",
        "Names": [f"/shop-{service}-1"],
        "Image": "db:1",
        "ImageID": "sha256:db",
        "State": state,
        "Status": status,
        "Created": 1,
        "Labels": {
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": "1",
            "com.docker.compose.config-hash": "abc",
            "com.docker.compose.oneoff": "False",
        },
        "inspect": {"Id": f"id-{service}", "RestartCount": 0, "State": {}, **inspected},
    }


@pytest.fixture
def shop(project: Project, engine: ScriptedEngine) -> Project:
    project.write("compose.yaml", COMPOSE)
    engine.images = [IMAGE]
    engine.containers = [
        container(
            *("db", "running", "Up 3 minutes (healthy)"),
            RestartCount=2,
            State={"StartedAt": "2026-01-31T12:00:00.5Z"},
        ),
        container("job", "exited", "Exited (0) 3 minutes ago"),
    ]
    return project


def test_figures_that_the_engine_does_not_give_are_null(shop: Project) -> None:
    ran = shop.inv("status", "--json")
    assert ran.code == 0, ran.err
    db, job, web = ran.document["services"]
    assert (db["health"], db["restarts"], db["since"]) == ("healthy", 2, "2026-01-31T12:00:00.5Z")
    assert (db["memory_bytes"], db["cpu_percent"]) == (None, None)
    assert (job["state"], job["exit_code"], job["job"]) == ("exited", 0, True)
    assert (web["state"], web["since"], web["stale"]) == ("missing", "", False)


def test_a_page_tells_the_same(shop: Project) -> None:
    ran = shop.inv("status")
    assert "healthy, 2 restarts" in ran.out
    assert "exited with code 0" in ran.out


def test_watching_an_engine_whose_events_end_at_once_ends_with_5(shop: Project) -> None:
    shop.write("invoke.yaml", "stack: {engine_timeout: 1}\n")
    ran = shop.inv("status", "--watch", "--json")
    assert (ran.code, ran.lines[-1]["event"], ran.lines[-1]["code"]) == (5, "error", 5)


def test_a_service_that_a_profile_brought_in_is_shown_without_it_while_it_runs(
    shop: Project,
) -> None:
    shop.write("compose.yaml", COMPOSE.replace("{", "{profiles: [all], "))
    ran = shop.inv("status", "--json")
    assert ran.code == 0, ran.err
    assert [one["name"] for one in ran.document["services"]] == ["db", "job"]
    assert shop.inv("graph").code == 0
    down = shop.inv("down", "--plan", "--json")
    assert (down.code, len(down.document["steps"])) == (0, 2)


def test_what_no_active_profile_starts_is_neither_missing_nor_stale(shop: Project) -> None:
    profiled = COMPOSE.replace("db: {", "db: {profiles: [all], ").replace(", depends_on: [db]", "")
    shop.write("compose.yaml", profiled + "  idle: {image: 'db:1', profiles: [all]}\n")
    services = {one["name"]: one for one in shop.inv("status", "--json").document["services"]}
    assert list(services) == ["job", "web", "db"]
    assert (services["db"]["health"], services["db"]["stale"]) == ("healthy", False)
    assert services["job"]["stale"]


def test_a_start_without_an_active_service_names_the_profiles(shop: Project) -> None:
    shop.write("compose.yaml", COMPOSE.replace("{", "{profiles: [all], "))
    ran = shop.inv("up")
    assert (ran.code, "the model has no active service" in ran.err) == (6, True)
    assert "choose a profile (all) with COMPOSE_PROFILES" in ran.err
    assert shop.inv("env", "--check").code == 0
