"""Starts on a real engine: a plan is kept to the letter, and done is done."""

from __future__ import annotations

import signal

import pytest

from tests.engine.stacks import docker
from tests.project import Project

TWO = """
services:
  db:
    image: ct-test/busybox
    init: true
    command: [sleep, "1000"]
    environment: {WEIGHT: "${WEIGHT:-0.3}"}
    healthcheck: {test: [CMD, "true"], start_period: 20s, start_interval: 200ms}
    volumes: ["data:/data"]
  migrate:
    image: ct-test/busybox
    command: [sh, -c, "echo ran >> /data/runs"]
    volumes: ["data:/data"]
    depends_on: {db: {condition: service_healthy}}
  web:
    build: web
    init: true
    command: [sleep, "1000"]
    depends_on: {migrate: {condition: service_completed_successfully}}
volumes: {data: {}}
"""


@pytest.fixture
def two(project: Project) -> Project:
    project.compose(TWO)
    project.write(
        "web/Dockerfile", f"FROM ct-test/busybox\nCOPY index.html /\nLABEL of={project.name}\n"
    )
    project.write("web/index.html", "one")
    return project


def ids(project: Project) -> dict[str, str]:
    """The container ids of a project by name."""
    listed = docker(
        *("container", "ls", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}"),
        *("--filter", f"label=com.docker.compose.project={project.name}"),
    )
    return dict(line.split() for line in listed.splitlines())


def test_a_start_keeps_its_plan_and_a_second_has_none(two: Project) -> None:
    planned = two.plan("up")
    assert ids(two) == {}
    ran = two.inv("up", "--json")
    assert ran.code == 0, ran.err
    shown = ran.lines[0]
    assert [(step["action"], step["target"]) for step in shown["steps"]] == planned
    assert ran.lines[-1]["event"] == "result"
    before = ids(two)
    assert set(before) == {target for action, target in planned if action == "create-container"}
    assert two.plan("up") == []
    assert two.inv("up").code == 0
    assert ids(two) == before


def test_services_that_build_the_same_are_left_alone(project: Project) -> None:
    # Builds of the same inputs, of metadata at that, have times and so ids of their own.
    one = "{build: web, init: true, command: [sleep, '1000'], healthcheck: {disable: true}}"
    project.compose(f"services:\n  a: {one}\n  b: {one}\n  c: {one}\n")
    project.write(
        "web/Dockerfile", f"FROM ct-test/busybox\nLABEL of={project.name}\nHEALTHCHECK CMD true\n"
    )
    ran = project.inv("up")
    assert ran.code == 0, ran.err
    assert project.plan("up") == []


def test_a_finished_job_is_run_again_when_it_is_due_or_asked_for(two: Project) -> None:
    assert two.inv("up").code == 0
    # Its database is recreated: its work may be gone with the old one.
    assert two.inv("up", WEIGHT="0.9").code == 0

    def runs() -> int:
        return docker("exec", f"{two.name}-db-1", "cat", "/data/runs").count("ran")

    assert runs() == 2
    assert two.plan("up", "--rerun", "migrate", WEIGHT="0.9") == [
        ("start-container", f"{two.name}-migrate-1")
    ]
    assert two.inv("up", "--rerun", "migrate", WEIGHT="0.9").code == 0
    assert runs() == 3


def test_only_what_uses_a_variable_is_recreated(two: Project) -> None:
    assert two.inv("up").code == 0
    before = ids(two)
    ran = two.inv("up", "--plan", "--json", WEIGHT="0.9")
    step, job = ran.document["steps"]
    assert (step["action"], step["service"]) == ("recreate-container", "db")
    evidence = {"kind": "config", "field": "environment.WEIGHT", "old": "0.3", "new": "0.9"}
    assert step["because"] == [evidence]
    assert (job["action"], job["service"]) == ("start-container", "migrate")
    assert job["reason"] == "it depends on db, created or started by this plan"
    assert two.inv("up", WEIGHT="0.9").code == 0
    after = ids(two)
    assert {name for name in after if after[name] != before[name]} == {f"{two.name}-db-1"}
    assert two.plan("up", WEIGHT="0.9") == []


def test_only_what_changed_is_built_and_the_file_is_named(two: Project) -> None:
    assert two.inv("up").code == 0
    two.write("web/index.html", "two")
    ran = two.inv("up", "--plan", "--json")
    build, recreate = ran.document["steps"]
    assert (build["action"], build["services"]) == ("build-image", ["web"])
    assert {"kind": "file", "path": "web/index.html", "change": "modified"} in build["because"]
    assert (recreate["action"], recreate["needs"]) == ("recreate-container", [build["id"]])
    assert two.inv("up").code == 0
    assert docker("exec", f"{two.name}-web-1", "cat", "/index.html") == "two"


def test_a_failed_build_touches_no_container(two: Project) -> None:
    assert two.inv("up").code == 0
    before = ids(two)
    two.write("web/Dockerfile", "FROM ct-test/busybox\nRUN echo no such luck; exit 3\n")
    ran = two.inv("up", WEIGHT="0.9")
    assert ran.code == 7
    assert "no such luck" in ran.err
    assert ids(two) == before


def test_down_takes_containers_and_networks_and_leaves_state(two: Project) -> None:
    assert two.inv("up").code == 0
    assert two.inv("down").code == 0
    assert ids(two) == {}
    label = f"label=com.docker.compose.project={two.name}"
    assert docker("network", "ls", "-q", "--filter", label) == ""
    assert docker("volume", "ls", "-q", "--filter", label) != ""
    assert two.plan("down") == []


def test_a_service_that_ends_is_named_with_its_code(project: Project) -> None:
    project.compose(
        "services:\n"
        "  bad: {image: ct-test/busybox, command: [sh, -c, 'echo no luck today; exit 3'], "
        "healthcheck: {test: [CMD, 'true']}}\n"
        "  waits: {image: ct-test/busybox, depends_on: {bad: {condition: service_healthy}}}\n"
    )
    ran = project.inv("up", "--json")
    assert ran.code == 8
    last = ran.lines[-1]
    assert (last["event"], last["service"], last["code"]) == ("error", "bad", 8)
    assert "exited with code 3" in last["message"]
    assert last["waiting"] == ["waits"]


def test_an_interrupted_start_ends_with_130_and_the_next_one_heals(project: Project) -> None:
    project.compose(
        "services:\n"
        "  slow:\n"
        "    image: ct-test/busybox\n"
        "    init: true\n"
        "    command: [sleep, '1000']\n"
        "    healthcheck: {test: [CMD, test, -e, /tmp/ready], start_period: 60s, "
        "start_interval: 200ms}\n"
    )
    child = project.start("up", "--json")
    assert child.stdout is not None
    for line in child.stdout:
        if "created" in line and "step-done" in line:
            break
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    docker("exec", f"{project.name}-slow-1", "touch", "/tmp/ready")
    assert project.inv("up").code == 0
    assert project.plan("up") == []


def test_two_instances_stand_beside_the_stack(two: Project) -> None:
    try:
        assert two.inv("up").code == 0
        before = ids(two)
        ran = two.inv("up", "--instance", "two")
        assert ran.code == 0, ran.err
        assert ids(two) == before
        plan = two.inv("up", "--instance", "two", "--plan", "--json").document
        assert (plan["instance"], plan["steps"]) == ("two", [])
        assert two.inv("down", "--instance", "two").code == 0
        assert ids(two) == before
    finally:
        from tests.engine.stacks import remove_project

        remove_project(f"{two.name}-two")


def test_the_page_speaks_of_what_was_asked_for(project: Project) -> None:
    loop = 'image: ct-test/busybox, init: true, command: [sleep, "1000"]'
    project.compose(f"services:\n  a: {{{loop}}}\n  b: {{{loop}}}\n")
    assert project.inv("up").code == 0
    docker("stop", "-t", "0", f"{project.name}-a-1")
    beside = project.inv("up", "b")
    assert (beside.code, beside.out) == (
        0,
        f"b of {project.name} is up, nothing to do\n  b  running\n",
    )
    ran = project.inv("up", "--no-wait")
    assert (ran.code, ran.out.startswith(f"{project.name} is started after ")) == (0, True)
