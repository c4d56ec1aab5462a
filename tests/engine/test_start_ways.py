"""Every way a start can go, on a real engine: whether it is up, and what the page calls it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from composetasks.apply.carry_out import carry_out
from composetasks.apply.tools import Tools
from composetasks.run.failure import NotUp
from composetasks.run.settings import Limits
from tests.engine.engine_proxy import EngineProxy
from tests.engine.planned import Planned
from tests.engine.stacks import docker
from tests.project import Project, Ran

STAYS = 'init: true, command: [sleep, "1000"]'
PASSES = "healthcheck: {test: [CMD, test, -e, /tmp/ok], interval: 200ms, timeout: 2s, retries: 1}"

HEALTHY_LATE = f"""
  one: {{image: ct-test/busybox, init: true, {PASSES},
    command: [sh, -c, "sleep 1.5; touch /tmp/ok; exec sleep 1000"]}}
"""
ONE_SHOT_FINE = f"""
  job: {{image: ct-test/busybox, command: [sh, -c, "echo done"]}}
  one: {{image: ct-test/busybox, {STAYS},
    depends_on: {{job: {{condition: service_completed_successfully}}}}}}
"""
SCALED_TO_ZERO = f"""
  none: {{image: ct-test/busybox, {STAYS}, scale: 0, healthcheck: {{test: [CMD, "true"]}}}}
  job: {{image: ct-test/busybox, command: ["true"], deploy: {{replicas: 0}}}}
  one: {{image: ct-test/busybox, {STAYS}, depends_on: {{none: {{condition: service_healthy}},
    job: {{condition: service_completed_successfully}}}}}}
"""
GOOD = {
    "healthy late": HEALTHY_LATE,
    "one-shot fine": ONE_SHOT_FINE,
    "waits for none": SCALED_TO_ZERO,
}

NEVER_HEALTHY = f"""
  good: {{image: ct-test/busybox, {STAYS}}}
  one: {{image: ct-test/busybox, {STAYS}, healthcheck:
    {{test: [CMD-SHELL, "echo no answer from the store; exit 2"], interval: 200ms, retries: 1}}}}
  waits: {{image: ct-test/busybox, {STAYS}, depends_on: {{one: {{condition: service_healthy}}}}}}
  later: {{image: ct-test/busybox, {STAYS}, depends_on: [waits]}}
"""
CHECK_HANGS = f"""
  one: {{image: ct-test/busybox, {STAYS},
    healthcheck: {{test: [CMD, sleep, "50"], interval: 200ms, timeout: 300ms}}}}
"""
CHECK_BROKEN = f"""
  one: {{image: ct-test/busybox, {STAYS},
    healthcheck: {{test: [CMD, curl, "http://localhost"], interval: 200ms}}}}
"""
NEVER_PROBED = f"""
  one: {{image: ct-test/busybox, {STAYS}, healthcheck: {{test: [CMD, "true"], interval: 60s}}}}
"""
HEALTHY_THEN_DEAD = f"""
  one: {{image: ct-test/busybox, init: true,
    healthcheck: {{test: [CMD, touch, /tmp/asked], interval: 200ms}},
    command: [sh, -c, "until test -e /tmp/asked; do sleep 0.1; done; sleep 3;
      echo 'Error: lost the lease'; exit 4"]}}
  slow: {{image: ct-test/busybox, {STAYS}, {PASSES}}}
"""
EXITS_1 = """
  one: {image: ct-test/busybox, healthcheck: {test: [CMD, "true"]},
    command: [sh, -c, "echo starting; echo 'ValueError: WEIGHT is no number'; echo bye; exit 1"]}
"""
KILLED = """
  one: {image: ct-test/busybox, init: true, command: [sh, -c, "kill -SEGV $$$$"]}
"""
LOOPS = """
  one: {image: ct-test/busybox, restart: always,
    command: [sh, -c, "echo 'fatal: no config'; exit 3"]}
"""
# It is awaited: what fills its memory is up for a moment, on a busy machine for a long one.
OUT_OF_MEMORY = """
  one: {image: ct-test/busybox, command: [tail, /dev/zero], mem_limit: 8m, memswap_limit: 8m,
    healthcheck: {test: [CMD, "false"], start_period: 60s}}
"""
NO_COMMAND = """
  good: {image: ct-test/busybox, init: true, command: [sleep, "1000"]}
  one: {image: ct-test/busybox, command: [no-such-program]}
"""
NOT_EXECUTABLE = """
  one: {image: ct-test/busybox, command: [/etc/passwd]}
"""
NO_COMMAND_IN_SCRIPT = """
  one: {image: ct-test/busybox, command: [sh, -c, "exec no-such-program"]}
"""
MOUNT_REFUSED = """
  one: {image: ct-test/busybox, command: [sleep, "1000"], volumes: ["./folder:/etc/passwd"]}
"""
HOOK_FAILS = f"""
  one: {{image: ct-test/busybox, {STAYS},
    post_start: [{{command: [sh, -c, "echo no schema >&2; exit 3"]}}]}}
"""
MOUNT_DENIED = """
  one: {image: ct-test/busybox, user: "1000", volumes: ["data:/data"],
    command: [sh, -c, "echo one > /data/one || exit 1"]}
volumes: {data: {}}
"""
ONE_SHOT_FAILS = f"""
  job: {{image: ct-test/busybox, command: [sh, -c, "echo 'ERROR: relation is missing'; exit 5"]}}
  one: {{image: ct-test/busybox, {STAYS},
    depends_on: {{job: {{condition: service_completed_successfully}}}}}}
"""
DEPENDENCY_FAILS = f"""
  base: {{image: ct-test/busybox, command: [sh, -c, "echo 'panic: full'; exit 7"], expose: ["1"]}}
  middle: {{image: ct-test/busybox, {STAYS}, depends_on: {{base: {{condition: service_healthy}}}}}}
  top: {{image: ct-test/busybox, {STAYS}, depends_on: {{middle: {{condition: service_started}}}}}}
"""
WAITS_IN_VAIN = f"""
  job: {{image: ct-test/busybox, command: ["true"]}}
  one: {{image: ct-test/busybox, {STAYS}, depends_on: {{job: {{condition: service_healthy}}}}}}
"""

FAILURES = [
    # (way, services, timeout in seconds, service, diagnosis, a piece of what tells why)
    ("never healthy", NEVER_HEALTHY, 8, "one", "never-healthy", "no answer from the store"),
    ("check hangs", CHECK_HANGS, 4, "one", "health-check-hangs", "300ms"),
    ("check broken", CHECK_BROKEN, 3, "one", "health-check-broken", "curl"),
    ("never probed", NEVER_PROBED, 1, "one", "never-probed", "start_interval"),
    ("healthy then dead", HEALTHY_THEN_DEAD, 60, "one", "died", "> Error: lost the lease"),
    ("exits 1", EXITS_1, 60, "one", "ended", "> ValueError: WEIGHT is no number"),
    ("killed by a signal", KILLED, 60, "one", "killed", "SIGSEGV"),
    ("loops", LOOPS, 4, "one", "restart-loop", "> fatal: no config"),
    ("OOM-killed", OUT_OF_MEMORY, 60, "one", "out-of-memory", "8 MiB"),
    ("command missing", NO_COMMAND, 60, "one", "command-not-found", '"no-such-program"'),
    ("not executable", NOT_EXECUTABLE, 60, "one", "command-not-executable", "/etc/passwd"),
    (
        "missing in a script",
        NO_COMMAND_IN_SCRIPT,
        60,
        "one",
        "command-not-found",
        "exited with code 127",
    ),
    ("mount refused", MOUNT_REFUSED, 60, "one", "mount-not-permitted", "/etc/passwd"),
    ("a hook fails", HOOK_FAILS, 60, "one", "hook-failed", "hook exited with status 3"),
    ("mount denied", MOUNT_DENIED, 60, "one", "mount-not-permitted", "1000"),
    ("one-shot failing", ONE_SHOT_FAILS, 60, "job", "job-failed", "> ERROR: relation is missing"),
    ("waits in vain", WAITS_IN_VAIN, 60, "one", "never-started", "job (exited with code 0)"),
    ("dependency failing", DEPENDENCY_FAILS, 60, "base", "ended", "> panic: full"),
]


def start(project: Project, services: str, *arguments: str) -> Ran:
    project.compose(f"services:{services}")
    (project.folder / "folder").mkdir(exist_ok=True)
    return project.inv("up", "--json", *arguments)


@pytest.mark.parametrize("services", GOOD.values(), ids=GOOD.keys())
def test_it_is_up(project: Project, services: str) -> None:
    ran = start(project, services)
    assert ran.code == 0, ran.err
    assert ran.lines[-1]["event"] == "result"


@pytest.mark.parametrize(
    ("services", "timeout", "service", "kind", "tells"),
    [row[1:] for row in FAILURES],
    ids=[row[0] for row in FAILURES],
)
def test_it_is_not_up(
    project: Project, services: str, timeout: int, service: str, kind: str, tells: str
) -> None:
    ran = start(project, services, "--timeout", str(timeout))
    assert ran.code == 8, ran.err
    last = ran.lines[-1]
    assert (last["event"], last["code"]) == ("error", 8)
    assert (last["service"], last["kind"]) == (service, kind), ran.err
    assert tells in ran.err
    page = ran.err[ran.err.index("error: ") :].splitlines()
    assert page[0].startswith(f"error: {service} is not up: ")
    assert page[-1].startswith("next: ")
    assert len(page) <= 24, "one screen"
    kept = project.folder / last["diagnosis"]["kept"]
    assert page[0] in kept.read_text()


def test_what_waits_is_told_from_what_failed_and_what_was_up_stays_up(project: Project) -> None:
    ran = start(project, NEVER_HEALTHY, "--timeout", "8")
    last = ran.lines[-1]
    assert last["waiting"] == ["waits", "later"]
    assert last["diagnosis"]["standing"] == {"good": "up"}
    assert {probe["exit_code"] for probe in last["diagnosis"]["probes"]} == {2}
    up = docker("ps", "--format", "{{.Names}}", "--filter", f"name={project.name}").split()
    assert len(up) == 2
    run = (project.folder / last["diagnosis"]["kept"]).parent
    assert (run / "logs" / f"{project.name}-good-1.log").exists()
    record = json.loads((run / "inspect" / f"{project.name}-one-1.json").read_text())
    assert record["State"]["Health"]["Log"]


INDEPENDENT = f"""
  one: {{image: ct-test/busybox, command: [sh, -c, "echo 'fatal: no key' > /data/failed;
    cat /data/failed; exit 4"], volumes: ["data:/data"]}}
  db: {{image: ct-test/busybox, {STAYS}, volumes: ["data:/data"],
    healthcheck: {{test: [CMD, test, -e, /data/failed], interval: 1s}}}}
  app: {{image: ct-test/busybox, {STAYS}, depends_on: {{db: {{condition: service_healthy}}}}}}
  page: {{image: ct-test/busybox, {STAYS}, depends_on: {{app: {{condition: service_started}}}}}}
  report: {{image: ct-test/busybox, {STAYS}, depends_on: {{
    db: {{condition: service_healthy}}, one: {{condition: service_completed_successfully}}}}}}
volumes: {{data: {{}}}}
"""


def test_what_can_do_without_the_one_that_failed_is_started_as_with_compose(
    project: Project,
) -> None:
    ran = start(project, INDEPENDENT)
    last = ran.lines[-1]
    assert (ran.code, last["service"], last["kind"]) == (8, "one", "job-failed"), ran.err
    assert last["diagnosis"]["telling"] == "fatal: no key"
    assert last["waiting"] == ["report"]
    assert last["diagnosis"]["standing"]["db"] == "up"
    # Told when it failed, and not only in the end.
    told = [one for one in ran.lines if one.get("state") == "failed"]
    assert [one["service"] for one in told] == ["one"]
    assert told[0]["seconds"] == round(told[0]["seconds"], 3)
    form = '{{.Label "com.docker.compose.service"}}'
    up = docker("ps", "--format", form, "--filter", f"name={project.name}").split()
    assert sorted(up) == ["app", "db", "page"]


def test_an_interruption_ends_what_is_still_started_and_not_the_page(project: Project) -> None:
    project.compose(f"services: {INDEPENDENT.replace('-e, /data/failed', '-e, /data/never')}")
    child = project.start("up", "--json")
    assert child.stdout is not None
    while json.loads(child.stdout.readline()).get("state") != "failed":
        pass

    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)

    last = json.loads(out.splitlines()[-1])
    assert (child.returncode, last["service"], last["kind"]) == (8, "one", "job-failed"), err
    [page] = project.folder.glob(".composetasks/runs/*-up/failure.txt")
    assert "fatal: no key" in page.read_text()


def test_the_change_that_broke_it_is_named_until_it_works_again(project: Project) -> None:
    text = """
  one: {{image: ct-test/busybox, init: true, environment: {{CODE: "{code}", PASSWORD: s3cret-word}},
    command: [sh, -c, 'if [ $$CODE = 0 ]; then exec sleep 1000; else
      echo "Error: s3cret-word is wrong"; exit $$CODE; fi'], healthcheck:
      {{test: [CMD, "true"], interval: 200ms}}}}
"""
    assert start(project, text.format(code=0)).code == 0
    first = start(project, text.format(code=6))
    assert first.lines[-1]["changed"] == ["environment.CODE: 0 -> 6"]
    again = start(project, text.format(code=6))
    assert again.lines[-1]["changed"] == ["environment.CODE: 0 -> 6"]
    assert "s3cret-word" not in again.out + again.err
    for file in (project.folder / ".composetasks" / "runs").rglob("*"):
        assert file.is_dir() or "s3cret-word" not in file.read_text(), file


def test_a_service_has_its_own_deadline_in_the_settings(project: Project) -> None:
    project.write("invoke.yaml", "stack: {services: {one: {timeout: 1.5}}}\n")
    ran = start(project, CHECK_HANGS)
    assert ran.code == 8
    assert "within 1.5 s" in json.dumps(ran.lines[-1])


# --- what others do meanwhile ---------------------------------------------------------------

WAITS = f"""
  one: {{image: ct-test/busybox, {STAYS}, {PASSES}}}
"""


class Waiting:
    """A start that waits for ``one``, which becomes healthy when it is let."""

    def __init__(self, project: Project, folder: Path, *arguments: str) -> None:
        project.compose(f"services:{WAITS}")
        self.name = f"{project.name}-one-1"
        self.proxy = EngineProxy(folder / "engine.sock")
        self.proxy.__enter__()
        self.child = project.start("up", "--json", *arguments, DOCKER_HOST=self.proxy.address)
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if json.loads(line)["event"] == "step-done":
                break

    def let(self) -> None:
        docker("exec", self.name, "touch", "/tmp/ok")

    def end(self) -> tuple[int, Any]:
        try:
            out, err = self.child.communicate(timeout=60)
        finally:
            self.child.kill()
            self.proxy.__exit__()
        assert "Traceback" not in err
        return self.child.returncode, json.loads(out.splitlines()[-1])


def test_a_container_removed_by_someone_else(project: Project, tmp_path: Path) -> None:
    waiting = Waiting(project, tmp_path)
    docker("rm", "-f", waiting.name)
    code, last = waiting.end()
    assert (code, last["kind"], last["service"]) == (8, "removed", "one")


def test_a_container_that_the_engine_was_asked_to_kill(project: Project, tmp_path: Path) -> None:
    waiting = Waiting(project, tmp_path)
    docker("update", "--memory", "64m", "--memory-swap", "64m", waiting.name)
    docker("kill", waiting.name)
    code, last = waiting.end()
    assert (code, last["kind"]) == (8, "killed")
    assert "someone asked the engine to kill it" in last["diagnosis"]["what"][1]


def test_a_kernel_that_kills_for_memory_and_tells_the_engine_nothing(
    project: Project, tmp_path: Path
) -> None:
    """As happens on cgroup v1: the program is gone before the kernel's notice can be read."""
    waiting = Waiting(project, tmp_path)
    docker("update", "--memory", "64m", "--memory-swap", "64m", waiting.name)
    process = docker("inspect", "--format", "{{.State.Pid}}", waiting.name)
    docker("run", "--rm", "--pid", "host", "ct-test/busybox", "kill", "-KILL", process)
    code, last = waiting.end()
    assert (code, last["kind"]) == (8, "out-of-memory")
    assert "most likely it reached its memory limit of 64 MiB" in last["diagnosis"]["what"][1]


def test_the_event_stream_is_cut(project: Project, tmp_path: Path) -> None:
    waiting = Waiting(project, tmp_path)
    waiting.proxy.cut()
    waiting.let()
    assert waiting.end()[0] == 0


def test_the_engine_goes_and_comes_back(project: Project, tmp_path: Path) -> None:
    waiting = Waiting(project, tmp_path)
    waiting.proxy.cut(refuse=True)
    waiting.let()
    # What a restart does: connections are refused for a while, then taken again.
    assert waiting.proxy.refused.wait(60)
    waiting.proxy.cut()
    assert waiting.end()[0] == 0


def test_the_container_goes_while_the_engine_is_away(project: Project, tmp_path: Path) -> None:
    waiting = Waiting(project, tmp_path)
    waiting.proxy.cut(refuse=True)
    docker("rm", "-f", waiting.name)
    waiting.proxy.cut()
    code, last = waiting.end()
    assert (code, last["kind"]) == (8, "removed")


def test_a_container_that_is_to_be_stopped_goes_before_its_turn(planned: Planned) -> None:
    """The engine's refusal is an answer: it is not waited for as for an engine that went away."""
    waits = {"depends_on": {"db": {"condition": "service_started", "restart": True}}}
    planned.write({"db": {}, "web": waits})
    planned.up()
    planned.write({"db": {"environment": {"A": "1"}}, "web": waits})
    plan, world = planned.plan(), planned.world()
    run_folder = planned.kept.new_run("up")
    tools = Tools(planned.compose, planned.client, run_folder, planned.kept.cache, Limits(False, 9))

    def removed_meanwhile() -> None:
        for event in carry_out(plan, world, tools):
            if (event.service, event.message) == ("web", "starting"):
                planned.docker("rm", "-f", f"{planned.name}-web-1")

    with pytest.raises(NotUp) as failed:
        removed_meanwhile()
    assert "No such container" in failed.value.message
    planned.up()
    assert planned.plan().steps == ()


def test_the_engine_does_not_come_back(project: Project, tmp_path: Path) -> None:
    waiting = Waiting(project, tmp_path, "--timeout", "4")
    waiting.proxy.cut(refuse=True)
    code, last = waiting.end()
    assert (code, last["kind"]) == (8, "engine-gone")
