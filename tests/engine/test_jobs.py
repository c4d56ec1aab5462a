"""What is done, and when its work is due again: never less than `docker compose up -d` does."""

from __future__ import annotations

import json

from tests.engine.stacks import compose, docker, free_port
from tests.project import Project

ENDS = "trap 'exit 0' TERM; while :; do sleep 1; done"
SHOP = """
services:
  db: {image: ct-test/busybox, init: true, command: [sleep, "1000"], tmpfs: [/data],
    environment: {WEIGHT: "${WEIGHT:-1}"}}
  migrate: {image: ct-test/busybox, volumes: ["runs:/runs", "./sql:/sql:ro"],
    command: [sh, -c, "ls /sql >> /runs/all; echo ran >> /runs/all"], depends_on: [db]}
  app: {image: ct-test/busybox, init: true, command: [sleep, "1000"], volumes: ["runs:/runs:ro"],
    depends_on: {migrate: {condition: service_completed_successfully}}}
  worker: {image: ct-test/busybox, command: [sh, -c, "%s"]}
  once: {image: ct-test/busybox, command: ["true"], deploy: {replicas: 2}}
  retried: {image: ct-test/busybox, command: ["true"], deploy: {restart_policy: {
    condition: on-failure}}}
  published: {image: ct-test/busybox, command: ["true"], ports: ["127.0.0.1:%s:80"]}
volumes: {runs: {}}
"""


def started(project: Project, *arguments: str, **environment: str) -> list[str]:
    """The services that a start makes or starts."""
    ran = project.inv("up", "--json", *arguments, **environment)
    assert ran.code == 0, ran.err
    steps = ran.lines[0]["steps"] if ran.lines[0]["event"] == "plan" else []
    return [step["service"] for step in steps]


def runs(project: Project) -> int:
    return docker("exec", f"{project.name}-app-1", "cat", "/runs/all").count("ran")


def test_work_is_done_once_and_again_when_it_is_due(project: Project) -> None:
    project.compose(SHOP % (ENDS, free_port()))
    project.write("sql/V1.sql", "one")
    name = project.name
    assert len(started(project)) == 8
    assert (started(project), runs(project)) == ([], 1)

    # A worker that was told to stop is not done, whatever its exit code.
    docker("stop", f"{name}-worker-1", f"{name}-once-1")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", f"{name}-worker-1") == "0"
    assert started(project) == ["worker"]

    # What it mounts, what it depends on: created, recreated, started again.
    project.write("sql/V2.sql", "two")
    assert (started(project), runs(project)) == (["migrate"], 2)
    docker("rm", "-f", f"{name}-db-1")
    assert (started(project), runs(project)) == (["db", "migrate"], 3)
    assert started(project, WEIGHT="2") == ["db", "migrate"]
    docker("restart", "-t", "0", f"{name}-db-1")
    assert started(project, WEIGHT="2") == ["migrate"]

    # The end of the machine, or `docker compose stop`: what ran runs again, what was done is not.
    compose(project, "stop", WEIGHT="2")
    assert started(project, WEIGHT="2") == ["db", "migrate", "app", "worker"]
    # Without memory what others wait for is done by its exit code, unless it mounts something.
    for memory in (project.folder / ".composetasks/cache").glob("jobs-*"):
        memory.unlink()
    again = ["migrate", "once", "once", "published", "retried"]
    assert sorted(started(project, WEIGHT="2")) == again
    assert project.plan("up", WEIGHT="2") == []


def test_a_job_that_plain_compose_ran_is_done(project: Project) -> None:
    project.compose(
        "services:\n"
        "  db: {image: ct-test/busybox, init: true, command: [sleep, '1000']}\n"
        "  job: {image: ct-test/busybox, command: ['true'], depends_on: [db]}\n"
        "  app: {image: ct-test/busybox, init: true, command: [sleep, '1000'],\n"
        "    depends_on: {job: {condition: service_completed_successfully}}}\n"
    )
    compose(project, "up", "-d")
    assert started(project) == []
    docker("restart", "-t", "0", f"{project.name}-db-1")
    assert started(project) == ["job"]


STOPPED = """
services:
  job: {image: ct-test/busybox, command: [sh, -c, "%s"]}
  app: {image: ct-test/busybox, init: true, command: [sleep, "1000"],
    depends_on: {job: {condition: service_completed_successfully}}}
"""


def test_a_job_that_is_stopped_in_the_middle_is_not_done(project: Project) -> None:
    project.compose(STOPPED % ENDS)
    child = project.start("up", "--json")
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line).get("message") == "running to completion":
            docker("stop", f"{project.name}-job-1")
            break
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, f"as with Compose: {err}"
    assert project.plan("up") == [("start-container", f"{project.name}-job-1")]


SHARED = """
services:
  vpn: {image: ct-test/busybox, init: true, stop_grace_period: 0s, command: [sleep, "1000"]}
  app: {image: ct-test/busybox, init: true, stop_grace_period: 0s, command: [sleep, "1000"],
    network_mode: "service:vpn"}
"""


def test_who_shares_a_network_is_started_again_with_it(project: Project) -> None:
    project.compose(SHARED)
    assert project.inv("up").code == 0
    vpn, app = f"{project.name}-vpn-1", f"{project.name}-app-1"
    again = [("stop-container", app), ("start-container", app)]

    def networks() -> str:
        return docker("exec", app, "ls", "/sys/class/net")

    docker("stop", "-t", "0", vpn)
    assert project.plan("up") == [("start-container", vpn), *again]
    assert project.inv("up").code == 0
    assert "eth0" in networks()
    docker("restart", "-t", "0", vpn)
    assert "eth0" not in networks()
    assert project.plan("up") == again
    assert project.inv("up").code == 0
    assert "eth0" in networks()
    assert project.plan("up") == []
    compose(project, "up", "-d", "--no-deps", "--force-recreate", "vpn")
    assert "shares namespaces or volumes with vpn, which was recreated" in project.inv("up").err
    assert "eth0" in networks()
    assert project.plan("up") == []


def test_who_shares_a_network_waits_for_one_that_is_restarting(project: Project) -> None:
    # Its delays between two restarts double: it does not run for most of the first seconds.
    counts = "echo x >> /tries/log; [ $$(wc -l < /tries/log) -ge 6 ] || exit 3; exec sleep 1000"
    text = SHARED.replace(
        'command: [sleep, "1000"]}',
        f"restart: always, volumes: [/tries], command: [sh, -c, '{counts}']}}",
    )
    project.compose(text)

    ran = project.inv("up")

    assert ran.code == 0, ran.err
    assert "eth0" in docker("exec", f"{project.name}-app-1", "ls", "/sys/class/net")


def test_who_shares_a_network_can_fail_by_itself(project: Project) -> None:
    project.compose(SHARED.replace('[sleep, "1000"],\n    net', "[nosuch],\n    net"))

    ran = project.inv("up")

    assert ran.code == 8
    assert "app is not up" in ran.err
