"""A restart is Compose's, waited for: the same containers, after their hooks, with what depends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.busybox import TAG
from tests.engine.stacks import compose, docker
from tests.project import Project
from tests.schemas import validate

pytestmark = pytest.mark.engine
SLEEP = {"image": TAG, "init": True, "command": ["sleep", "3600"], "stop_grace_period": "1s"}


@pytest.fixture
def shop(project: Project) -> Project:
    return project


def write(project: Project, services: dict[str, dict[str, Any]]) -> None:
    whole = {key: {**SLEEP, **one} for key, one in services.items()}
    project.write("compose.yaml", json.dumps({"name": project.name, "services": whole}))


def runs(project: Project) -> dict[str, tuple[str, str, str]]:
    """By container: its id, state, and when it was started."""
    result = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={project.name}")
    form = "{{.Name}} {{.Id}} {{.State.Status}} {{.State.StartedAt}}"
    lines = docker("inspect", "--format", form, *result.split()).splitlines()
    parts = [line.split() for line in lines]
    return {
        name.removeprefix(f"/{project.name}-"): (key, state, started)
        for name, key, state, started in parts
    }


def restarted(project: Project, *arguments: str, code: int = 0) -> set[str]:
    """The containers that run since ``inv restart``, which were what its plan said, and are those
    that were there before."""
    plan = {target for action, target in project.plan("restart", *arguments)}
    before = runs(project)
    ran = project.inv("restart", *arguments, "--json")
    assert ran.code == code, ran.err
    for line in ran.lines:
        validate(line)
    after = runs(project)
    assert {name: one[0] for name, one in before.items()} == {
        name: one[0] for name, one in after.items()
    }
    changed = {name for name, one in after.items() if one[2] != before[name][2]}
    assert plan == {f"{project.name}-{name}" for name in changed}
    assert all(after[name][1] == "running" for name in changed)
    return changed


def test_what_depends_is_restarted_as_compose_does(shop: Project) -> None:
    write(
        shop,
        {
            "db": {},
            "web": {"depends_on": {"db": {"condition": "service_started", "restart": True}}},
            "api": {"depends_on": ["db"], "scale": 2},
            "side": {"network_mode": "service:web"},
            "linked": {"links": ["web"]},
        },
    )
    assert shop.inv("up").code == 0
    assert restarted(shop, "db") == {"db-1", "web-1", "side-1", "linked-1"}
    before = runs(shop)
    compose(shop, "restart", "db")
    assert {name for name, one in runs(shop).items() if one != before[name]} == {
        *("db-1", "web-1", "side-1", "linked-1")
    }
    assert restarted(shop, "side", "api") == {"side-1", "api-1", "api-2"}
    # What is stopped is started, and what is paused goes on; what it depends on may be down.
    compose(shop, "stop", "-t", "1", "db", "side")
    compose(shop, "pause", "web")
    assert restarted(shop, "web") == {"web-1", "side-1", "linked-1"}
    compose(shop, "rm", "-f", "db")
    assert restarted(shop) == {"api-1", "api-2", "web-1", "side-1", "linked-1"}
    ran = shop.inv("restart", "db", "web")
    assert ran.code == 6
    assert "service db has no container to restart" in ran.err
    assert "`inv up db`" in ran.err


def test_hooks_run_and_the_grace_period_is_the_container_s(shop: Project) -> None:
    log = shop.folder / "log"
    log.mkdir()
    ends = "trap 'echo ended >> /log/lines; exit 0' TERM; while :; do sleep 0.1; done"
    write(
        shop,
        {
            "db": {
                "command": ["sh", "-c", ends],
                "init": False,
                "stop_grace_period": "60s",
                "volumes": [f"{log}:/log"],
                "pre_stop": [{"command": ["sh", "-c", "echo before >> /log/lines"]}],
                "post_start": [{"command": ["sh", "-c", "echo after >> /log/lines"]}],
            }
        },
    )
    assert shop.inv("up").code == 0
    assert (log / "lines").read_text().split() == ["after"]
    assert restarted(shop) == {"db-1"}
    assert (log / "lines").read_text().split() == ["after", "before", "ended", "after"]
    # Compose fails to restart what has hooks and is stopped: there is nothing to run them in.
    docker("stop", "-t", "1", f"{shop.name}-db-1")
    assert restarted(shop) == {"db-1"}


def test_a_job_is_done_again_and_a_changed_model_is_told(shop: Project) -> None:
    log = shop.folder / "log"
    log.mkdir()
    job = {"command": ["sh", "-c", "echo ran >> /log/lines"], "volumes": [f"{log}:/log"]}
    after = {"job": {"condition": "service_completed_successfully"}}
    services: dict[str, dict[str, Any]] = {"job": job, "web": {"depends_on": after}}
    write(shop, services)
    assert shop.inv("up").code == 0
    services["web"]["environment"] = {"WEIGHT": "1"}
    write(shop, services)
    before = runs(shop)
    ran = shop.inv("restart")
    assert ran.code == 0, ran.err
    assert "web is restarted unchanged; `inv up web` recreates it: configuration changed" in ran.err
    now = runs(shop)
    assert [now[name][0] for name in now] == [before[name][0] for name in now]
    assert now["job-1"][1] == "exited"
    assert (log / "lines").read_text().split() == ["ran", "ran"]
    assert now["web-1"][2] > now["job-1"][2]
    assert ("recreate-container", f"{shop.name}-web-1") in shop.plan("up")


def test_what_does_not_come_up_again_is_explained(shop: Project) -> None:
    flag = shop.folder / "flag"
    flag.mkdir()
    (flag / "ok").touch()
    command = "test -e /flag/ok || { echo no flag, no start; exit 3; }; sleep 3600"
    write(
        shop,
        {
            "db": {"command": ["sh", "-c", command], "volumes": [f"{flag}:/flag"]},
            "web": {"depends_on": {"db": {"condition": "service_started", "restart": True}}},
        },
    )
    assert shop.inv("up").code == 0
    (flag / "ok").unlink()
    ran = shop.inv("restart", "db")
    assert ran.code == 8, ran.err
    assert "no flag, no start" in ran.err
    assert "exited with code 3" in ran.err
    (flag / "ok").touch()
    write(
        shop,
        {"db": {"command": ["sh", "-c", command], "volumes": [f"{flag}:/flag"]}, "web": {}},
    )
    assert shop.inv("restart").code == 0
    assert shop.inv("restart", "--plan", "--exit-code").code == 10


def test_a_copy_by_hand_is_left_alone(shop: Project) -> None:
    write(shop, {"web": {}})
    assert shop.inv("up").code == 0
    copied, name = f"{shop.name}-copied", f"{shop.name}-copy"
    docker("commit", f"{shop.name}-web-1", copied)
    try:
        docker("run", "-d", "--name", name, "--init", copied)
        try:
            started = docker("inspect", "--format", "{{.State.StartedAt}}", name)
            assert shop.inv("restart", "web").code == 0
            assert docker("inspect", "--format", "{{.State.StartedAt}}", name) == started
        finally:
            docker("rm", "-f", name)
    finally:
        docker("rmi", copied)


def test_a_failing_hook_lets_the_container_run(shop: Project) -> None:
    write(shop, {"db": {"pre_stop": [{"command": ["sh", "-c", "echo not now; exit 5"]}]}})
    assert shop.inv("up").code == 0
    before = runs(shop)
    ran = shop.inv("restart", "db")
    assert ran.code == 1, ran.err
    assert "service db could not be stopped: db hook exited with status 5" in ran.err
    assert runs(shop) == before
    docker("rm", "-f", f"{shop.name}-db-1")
