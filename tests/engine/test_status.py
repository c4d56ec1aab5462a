"""How real containers are, what they take, and whether they are those of the tree on disk."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.engine.stacks import compose, docker, wait_until
from tests.project import Project
from tests.schemas import validate

COMPOSE = """
services:
  busy:
    image: ct-test/busybox
    init: true
    command: [sh, -c, "while :; do :; done"]
    cpus: 0.2
  holds:
    image: ct-test/busybox
    init: true
    command: [sh, -c, "head -c 40000000 /dev/zero | tail -c 40000000 | (sleep 1000; cat)"]
    healthcheck:
      test: [CMD, sh, -c, "echo it holds; echo 'warning: an edit was refused'; test ! -e /ill"]
      interval: 1s
      retries: 1
  job: {image: ct-test/busybox, command: ["true"]}
  off: {image: ct-test/busybox, scale: 0}
  web:
    build: web
    init: true
    command: [sleep, "1000"]
    environment: {WEIGHT: "${WEIGHT:-0.3}"}
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.compose(COMPOSE)
    project.write("web/Dockerfile", f"FROM ct-test/busybox\nCOPY . /web\nLABEL of={project.name}\n")
    for name in "ab":
        project.write(f"web/{name}", "one")
    ran = project.inv("up")
    assert ran.code == 0, ran.err
    return project


def status(project: Project, **environment: str) -> dict[str, Any]:
    ran = project.inv("status", "--json", **environment)
    assert ran.code == 0, ran.err
    return {one["name"]: one for one in ran.document["services"]}


def test_what_containers_take_is_what_they_do(shop: Project) -> None:
    services = status(shop)
    assert (services["off"]["state"], services["off"]["wanted"]) == ("missing", 0)
    assert "off      scaled to 0" in shop.inv("status").out

    def are_as_they_do() -> bool:
        # On a busy machine a figure may be late, and is left out then.
        now = status(shop)
        cpu = {name: now[name]["cpu_percent"] for name in ("busy", "web")}
        memory = {name: now[name]["memory_bytes"] for name in ("holds", "web")}
        if None in (*cpu.values(), *memory.values()):
            return False
        few, many = memory["web"], memory["holds"]
        return bool(cpu["busy"] > max(1, cpu["web"]) and 0 < few < 10_000_000 and many > 40_000_000)

    wait_until(are_as_they_do)


def test_what_does_not_run_takes_nothing_that_is_known(shop: Project) -> None:
    docker("stop", "-t", "0", f"{shop.name}-web-1")
    services = status(shop)
    for name in ("job", "web"):
        taken = services[name]["memory_bytes"], services[name]["cpu_percent"]
        assert taken == (None, None)
    assert (services["job"]["exit_code"], services["job"]["job"]) == (0, True)
    assert services["web"]["state"] == "exited"


def test_a_health_check_is_heard_when_it_warns_and_when_it_fails(shop: Project) -> None:
    assert status(shop)["holds"]["warnings"] == ["an edit was refused"]
    assert "holds: an edit was refused" in shop.inv("status").out
    docker("exec", f"{shop.name}-holds-1", "touch", "/ill")
    wait_until(lambda: status(shop)["holds"]["health"] == "unhealthy")
    assert status(shop)["holds"]["warnings"] == []
    assert "it holds" in status(shop)["holds"]["problem"]


def test_restarts_and_since_when_are_the_engines(shop: Project) -> None:
    before = status(shop)["web"]
    docker("restart", "-t", "0", f"{shop.name}-web-1")
    after = status(shop)["web"]
    assert after["since"] > before["since"]
    assert after["restarts"] == 0, "by hand is none of the engine's"


def test_what_is_not_that_of_the_tree_is_stale_and_why(shop: Project) -> None:
    assert [name for name, one in status(shop).items() if one["stale"]] == []
    for name in "ab":
        shop.write(f"web/{name}", "two")
    web = status(shop)["web"]
    assert (web["stale"], web["stale_because"][0]) == (True, "2 files changed, web/a among them")
    for name in "ab":
        shop.write(f"web/{name}", "one")
    services = status(shop, WEIGHT="0.9")
    assert [name for name, one in services.items() if one["stale"]] == ["web"]
    assert "environment.WEIGHT" in services["web"]["stale_because"][0]
    assert "web is stale: " in shop.inv("status", WEIGHT="0.9").out


def test_what_happens_is_a_line_until_it_is_interrupted(shop: Project) -> None:
    child = shop.start("status", "--watch", "--json")
    assert child.stdout is not None

    def states() -> dict[str, str]:
        assert child.stdout is not None
        line = validate(json.loads(child.stdout.readline()))
        assert line["event"] == "status"
        return {one["name"]: one["state"] for one in line["services"]}

    try:
        assert states()["web"] == "running"
        docker("pause", f"{shop.name}-web-1")
        while states()["web"] != "paused":
            pass
        docker("rm", "-f", f"{shop.name}-web-1")
        while states()["web"] != "missing":
            pass
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, err) == (130, "")
    last = validate(json.loads(out.splitlines()[-1]))
    assert (last["event"], last["code"]) == ("error", 130)


def test_a_watch_for_people_ends_without_a_word(shop: Project) -> None:
    child = shop.start("status", "--watch")
    assert child.stdout is not None
    try:
        for line in child.stdout:
            if line.startswith("web "):
                break
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, err) == (143, "")


ILL = """
services:
  db: {image: ct-test/busybox, init: true, command: [sleep, "1000"],
    healthcheck: {test: [CMD-SHELL, "echo no answer; exit 2"], interval: 300ms, retries: 1}}
  loops: {image: ct-test/busybox, restart: always, command: [sh, -c, "exit 3"]}
  quiet: {image: ct-test/busybox, init: true, command: [sleep, "1000"], expose: ["80"]}
  three: {image: ct-test/busybox, init: true, command: [sleep, "1000"], deploy: {replicas: 3}}
  ended: {image: ct-test/busybox, command: [sh, -c, "trap 'exit 0' TERM; sleep 1000 & wait"]}
"""


def test_what_a_start_would_not_call_up_is_said_to_be_that(project: Project) -> None:
    project.compose(ILL)
    project.write("invoke.yaml", "stack: {services: {quiet: {ready: listening}}}\n")
    compose(project, "up", "-d")
    docker("kill", f"{project.name}-three-2")
    docker("stop", f"{project.name}-ended-1")
    wait_until(lambda: status(project)["loops"]["restarts"] >= 3)
    wait_until(lambda: status(project)["db"]["health"] == "unhealthy")
    services = status(project)
    assert services["db"]["problem"] == "health check exited with code 2: no answer"
    assert services["loops"]["problem"].endswith("times without staying up")
    assert services["quiet"]["problem"] == "waiting for it to listen on port 80"
    assert services["three"]["container"] == f"{project.name}-three-2"
    assert [one["state"] for one in services["three"]["replicas"]] == [
        *("running", "exited", "running"),
    ]
    assert (services["ended"]["exit_code"], services["ended"]["done"]) == (0, False)
    page = project.inv("status").out
    assert "exited with code 137 (1 of 3)" in page
    assert f"three ({project.name}-three-2): exited with code 137" in page
