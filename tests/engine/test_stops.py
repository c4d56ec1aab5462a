"""Containers stop as Compose stops them: after their hooks, in their own time, and no others."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from composetasks.facts import Plan
from composetasks.plan.start.stop import plan_stop
from composetasks.run.failure import TaskFailure
from tests.engine.busybox import TAG
from tests.engine.planned import Planned
from tests.engine.stacks import compose, docker, wait_until
from tests.project import Project

pytestmark = pytest.mark.engine
SLEEP = {"image": TAG, "init": True, "command": ["sleep", "3600"], "stop_grace_period": "1s"}


@pytest.fixture
def shop(project: Project) -> Project:
    return project


def write(project: Project, services: dict[str, dict[str, Any]], **more: Any) -> None:
    whole = {key: {**SLEEP, **one} for key, one in services.items()}
    document = {"name": project.name, "services": whole, **more}
    project.write("compose.yaml", json.dumps(document))


def states(project: Project) -> dict[str, str]:
    lines = docker("ps", "-a", "--format", "{{.Names}} {{.State}}").splitlines()
    result = dict(line.split() for line in lines if line.startswith(f"{project.name}-"))
    return {name.removeprefix(f"{project.name}-"): state for name, state in result.items()}


# --- interrupts -----------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["down", "reset-state"])
def test_what_an_interrupt_finds_under_way_comes_to_its_end_and_is_told(
    shop: Project, verb: str
) -> None:
    said = "touch /data/kept; trap 'touch /said/term' TERM; while :; do sleep 0.1; done"
    mounts = ["./said:/said", "data:/data"]
    slow = {"init": False, "command": ["sh", "-c", said.replace("$", "$$")], "volumes": mounts}
    write(shop, {"slow": {**slow, "stop_grace_period": "4s"}}, volumes={"data": {}})
    assert shop.inv("up").code == 0
    child = shop.start(verb, "--yes")
    wait_until(lambda: (shop.folder / "said" / "term").exists())
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=100)
    assert child.returncode == 130, err
    step = "remove" if verb == "down" else "stop"
    [done] = [line for line in err.splitlines() if line.strip().startswith("done:")]
    assert f"{step}-container:{shop.name}-slow-1" in done
    assert states(shop) == ({} if verb == "down" else {"slow-1": "running"})


def test_what_was_stopped_for_a_snapshot_runs_again_after_an_interrupt(shop: Project) -> None:
    """In the time in which its state is copied, which is a large one's minutes."""
    fill = "[ -f /data/big ] || head -c 400m /dev/urandom > /data/big; exec sleep 3600"
    filled = {"command": ["sh", "-c", fill], "volumes": ["data:/data"]}
    check = {"test": ["CMD-SHELL", "pidof sleep"], "start_interval": "1s", "start_period": "99s"}
    write(shop, {"db": {**filled, "healthcheck": check}}, volumes={"data": {}})
    assert shop.inv("up").code == 0
    child = shop.start("snapshot", "large")
    wait_until(lambda: any((shop.folder / ".composetasks" / "snapshots").rglob("*.tar*")))
    assert states(shop)["db-1"] == "exited"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=100)
    assert child.returncode == 130, err
    assert states(shop) == {"db-1": "running"}
    assert "no snapshots" in shop.inv("snapshots").out


def test_the_volumes_that_stay_are_named_as_people_know_them(shop: Project) -> None:
    write(shop, {"db": {"volumes": ["data:/data", "/cache"]}}, volumes={"data": {}})
    assert shop.inv("up").code == 0
    template = '{{range .Mounts}}{{if eq .Destination "/cache"}}{{.Name}}{{end}}{{end}}'
    anonymous = docker("inspect", f"{shop.name}-db-1", "--format", template)
    ran = shop.inv("down")
    docker("volume", "rm", anonymous)
    volumes = sorted([f"{anonymous[:12]}… (anonymous)", f"{shop.name}_data"])
    assert f"db-1: removed without its volumes {', '.join(volumes)} in " in ran.err


# --- hooks ----------------------------------------------------------------------------------


def hooked(project: Project, code: int = 0, **more: Any) -> None:
    """Two services that write into the project's folder when they are about to be stopped."""
    log = project.folder / "log"
    log.mkdir(exist_ok=True)

    def one(name: str, code: int) -> dict[str, Any]:
        said = f"echo {name} $$(hostname) >> /log/hooks; exit {code}"
        hook = {"command": ["sh", "-c", said]}
        mounts = [f"{log}:/log", "data:/data"]
        return {"pre_stop": [hook], "volumes": mounts, "stop_grace_period": "1s"}

    web = {**one("web", 0), "depends_on": ["db"]}
    write(
        project, {"db": {**one("db", code), "scale": 2}, "web": web}, volumes={"data": {}}, **more
    )


def ran(project: Project) -> list[str]:
    """The services whose hooks have run since this was asked last, in their order."""
    place = project.folder / "log" / "hooks"
    result = place.read_text().splitlines() if place.exists() else []
    assert len(set(result)) == len(result), "a hook ran twice in one container"
    place.unlink(missing_ok=True)
    return [line.split()[0] for line in result]


def test_hooks_run_before_whatever_stops_a_service(shop: Project) -> None:
    hooked(shop)
    assert shop.inv("up").code == 0
    assert ran(shop) == []
    assert shop.inv("snapshot", "kept").code == 0
    assert ran(shop) == ["web", "db", "db"]
    assert set(states(shop).values()) == {"running"}
    docker("exec", f"{shop.name}-web-1", "sh", "-c", "echo row > /data/row")
    assert shop.inv("reset-state", "--no-snapshot", "--yes").code == 0
    assert ran(shop) == ["web", "db", "db"]
    # A one-off has no part in it, and goes as it always did.
    compose(shop, "run", "-d", "--name", f"{shop.name}-once", "web")
    assert shop.inv("down").code == 0
    assert ran(shop) == ["web", "db", "db"]
    assert states(shop) == {}


def test_a_hook_that_fails_keeps_its_container_running(shop: Project) -> None:
    hooked(shop, code=4)
    assert shop.inv("up").code == 0
    before = states(shop)
    failed = shop.inv("snapshot")
    assert failed.code == 1
    assert "service db could not be stopped: db hook exited with status 4" in failed.err
    assert states(shop) == before  # web, which had been stopped, runs again
    assert ran(shop) == ["web", "db", "db"]
    assert shop.inv("down").code == 1
    assert states(shop) == {"db-1": "running", "db-2": "running"}
    assert ran(shop)
    # With plain Compose it is the same: what fails has to be killed, or its hook put right.
    compose(shop, "kill", "db")
    assert shop.inv("down").code == 0


@pytest.mark.parametrize("hook", ["pre_start", "post_start"])
def test_the_service_whose_hook_fails_is_named(shop: Project, hook: str) -> None:
    failing = {hook: [{"command": ["sh", "-c", "echo broken; exit 5"]}]}
    write(shop, {"apart": {}, "db": failing, "web": {}})
    failed = shop.inv("up")
    assert failed.code == 8
    assert "error: db is not up: " in failed.err
    assert "5" in failed.err.partition("error: db is not up: ")[2].splitlines()[0]


def test_a_stranger_that_compose_counts_is_not_stopped_with_the_service(shop: Project) -> None:
    hooked(shop)
    assert shop.inv("up").code == 0
    image, mine = f"{shop.name}-copy:1", f"{shop.name}-by-hand"
    docker("commit", f"{shop.name}-web-1", image)
    docker("run", "-d", "--network", "none", "--init", "--name", mine, image)
    try:
        assert shop.inv("down").code == 0
        assert states(shop) == {"by-hand": "running"}
        assert ran(shop) == ["db", "db"]
    finally:
        docker("rm", "-f", mine)
        docker("rmi", image)


# --- time -----------------------------------------------------------------------------------

SLOW = "trap 'sleep 11; echo whole > /log/end; exit 0' TERM; while :; do sleep 0.1; done"


def test_a_container_has_all_of_its_grace_period(shop: Project) -> None:
    log = shop.folder / "log"
    log.mkdir()
    slow = {"command": ["sh", "-c", SLOW], "init": False, "stop_grace_period": "2m"}
    write(shop, {"slow": {**slow, "volumes": [f"{log}:/log"]}})
    assert shop.inv("up").code == 0
    # No answer of the engine may take longer; that of a stop takes what was granted.
    assert shop.inv("down", INVOKE_STACK_ENGINE_TIMEOUT="2").code == 0
    assert (log / "end").read_text() == "whole\n"


def test_the_end_of_what_is_replaced_takes_nothing_of_a_services_own_time(shop: Project) -> None:
    stubborn = {"init": False, "stop_grace_period": "6s", "command": ["sleep", "3600"]}
    check = {"test": ["CMD", "true"], "interval": "1s"}
    write(shop, {"web": {**stubborn, "healthcheck": check}})
    assert shop.inv("up").code == 0
    write(shop, {"web": {**stubborn, "healthcheck": check, "environment": {"A": "2"}}})
    assert shop.inv("up", "--timeout", "5").code == 0


# --- switches -------------------------------------------------------------------------------


def test_composes_own_switches_change_nothing_of_a_plan(shop: Project) -> None:
    write(shop, {"web": {}, "old": {}})
    assert shop.inv("up").code == 0
    switches = {
        "COMPOSE_REMOVE_ORPHANS": "1",
        "COMPOSE_ANSI": "always",
        "COMPOSE_PROGRESS": "json",
        "COMPOSE_STATUS_STDOUT": "1",
        "COMPOSE_MENU": "1",
        "COMPOSE_PARALLEL_LIMIT": "1",
    }
    shop.write(".env", "".join(f"{name}={value}\n" for name, value in switches.items()))
    write(shop, {"web": {"environment": {"A": "2"}}})
    assert shop.plan("up") == [("recreate-container", f"{shop.name}-web-1")]
    assert shop.inv("up").code == 0
    assert states(shop) == {"web-1": "running", "old-1": "running"}
    # What Compose says of a failure is found all the same.
    write(shop, {"web": {}, "wrong": {"command": ["no-such-program"]}})
    for environment in ({}, {"COMPOSE_IGNORE_ORPHANS": "1"}):
        failed = shop.inv("up", **environment)
        assert failed.code == 8
        assert "error: wrong " in failed.err
        assert "no-such-program" in failed.err
        assert "\x1b" not in failed.err
    assert shop.inv("down").code == 0
    assert states(shop) == {}


# --- what changes by itself -----------------------------------------------------------------

FLAPS = {"restart": "always", "command": ["sh", "-c", "sleep 0.3; exit 1"], "init": False}


def changed(planned: Planned, service: str) -> tuple[Plan, Plan]:
    """Two plans, of a start and of an end, for a world in which the service's container was in
    another state than it is now."""
    world = planned.world()
    [seen] = [one for one in world.engine.containers if one.service == service]
    results = (planned.plan(), plan_stop(world))

    def now() -> str:
        return planned.docker("inspect", "--format", "{{.State.Status}}", seen.name)

    wait_until(lambda: now() != seen.state)
    return results


def test_what_restarts_over_and_over_is_corrected_and_ended(planned: Planned) -> None:
    planned.write({"flaps": FLAPS})
    planned.by_compose("up", "-d")
    for round_ in range(3):
        planned.write({"flaps": {**FLAPS, "environment": {"ROUND": str(round_)}}})
        world = planned.world()
        start, _ = changed(planned, "flaps")
        planned.do(start, world)
    # A hook of one that ends under it has not failed.
    planned.write({"flaps": {**FLAPS, "pre_stop": [{"command": ["sleep", "9"]}]}})
    planned.up()
    world = planned.world()
    _, end = changed(planned, "flaps")
    planned.do(end, world)
    assert planned.find(f"{planned.name}-flaps-1") is None


def test_what_ended_or_came_up_meanwhile_is_no_foreign_hand(planned: Planned) -> None:
    planned.write({"web": {}, "job": {"command": ["sleep", "0.5"], "restart": "no"}})
    planned.by_compose("up", "-d", "web")
    planned.by_compose("stop", "web")
    world, plan = planned.world(), planned.plan()
    planned.docker("start", f"{planned.name}-web-1")
    planned.do(plan, world)
    world = planned.world()
    end = plan_stop(world)
    planned.docker("wait", f"{planned.name}-job-1")
    planned.docker("pause", f"{planned.name}-web-1")
    planned.do(end, world)
    assert planned.find(f"{planned.name}-web-1") is None


def test_what_needs_another_consent_or_is_anothers_now_is_refused(planned: Planned) -> None:
    fixed = f"{planned.name}-fixed"
    planned.write({"db": {"container_name": fixed}})
    planned.by_hand(fixed)
    planned.docker("stop", "-t", "0", fixed)
    world, plan = planned.world(), planned.plan()
    planned.docker("start", fixed)
    with pytest.raises(TaskFailure, match="it was exited and is running now") as refused:
        planned.do(plan, world)
    assert refused.value.code == 9
    planned.docker("rm", "-f", fixed)
    planned.up()
    planned.write({"db": {"container_name": fixed, "environment": {"A": "2"}}})
    world, plan = planned.world(), planned.plan()
    planned.docker("rm", "-f", fixed)
    with pytest.raises(TaskFailure, match="it was running and is gone now"):
        planned.do(plan, world)
    world, plan = planned.world(), planned.plan()
    planned.by_hand(fixed)
    with pytest.raises(TaskFailure, match="another container now has its name"):
        planned.do(plan, world)
