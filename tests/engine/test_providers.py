"""Services that a provider makes: a program that Compose runs, with no image and no container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.stacks import docker
from tests.project import Project

PROVIDER = """#!/bin/sh
echo "$@" >> {calls}
case "$*" in
  *metadata*) exit 1;;
  *" up "*) [ -e {value} ] || {{ echo '{{"type":"error","message":"no value"}}'; exit 1; }}
    printf '{{"type":"setenv","message":"URL=https://db/%s"}}\\n' "$(cat {value})";;
esac
"""
MODEL = """
services:
  db: {provider: {type: ct-provider, options: {size: 3}}, depends_on: [base]}
  base:
    image: ct-test/busybox
    command: [sh, -c, "echo once >> /seen/runs"]
    volumes: ["./seen:/seen"]
  app:
    image: ct-test/busybox
    init: true
    command: [sh, -c, 'echo "$$DB_URL"; exec sleep 1000']
    depends_on:
      db: {condition: service_started}
      base: {condition: service_completed_successfully}
    stop_grace_period: 1s
  later: {image: ct-test/busybox, init: true, command: [sleep, "1000"], stop_grace_period: 1s,
    depends_on: {db: {condition: service_started}, app: {condition: service_started}}}
  lone: {image: ct-test/busybox, init: true, command: [sleep, "1000"], stop_grace_period: 1s}
"""


@pytest.fixture
def calls(project: Project, tmp_path: Path) -> Path:
    """Where the provider's program, which the project's environment finds, writes its calls."""
    program = tmp_path / "bin" / "ct-provider"
    program.parent.mkdir()
    calls = tmp_path / "calls"
    program.write_text(PROVIDER.format(calls=calls, value=tmp_path / "value"))
    program.chmod(0o755)
    project.environment["PATH"] = f"{program.parent}{os.pathsep}{project.environment['PATH']}"
    project.compose(MODEL)
    return calls


def test_a_provider_is_run_by_compose_in_every_start_and_ended_by_down(
    project: Project, calls: Path
) -> None:
    value, app = calls.with_name("value"), f"{project.name}-app-1"
    ran = project.inv("up")
    assert ran.code == 8
    assert "db" in ran.err
    assert docker("ps", "-aq", "--filter", f"name={app}") == ""
    value.write_text("1")
    calls.write_text("")
    ran = project.inv("up", "app")
    assert ran.code == 0
    # Once, together with what it is run for.
    assert calls.read_text().count(" up ") == 1
    assert "  db    provider ct-provider\n" in ran.out
    assert project.inv("timeline", "--json").document["critical_path"][-1] == "app"
    assert project.inv("up").code == 0
    assert docker("logs", app) == "https://db/1"
    lone = docker("inspect", "--format", "{{.Id}}", f"{project.name}-lone-1")
    # What it says may be something else each time: Compose runs it again and hands it on.
    assert project.plan("up") == [
        ("run-provider", "db"),
        ("recreate-container", app),
        ("recreate-container", f"{project.name}-later-1"),
    ]
    assert project.plan("up", "lone") == []
    runs = (project.folder / "seen" / "runs").read_text()
    value.write_text("2")
    ran = project.inv("up", "--json")
    assert ran.code == 0
    assert docker("logs", app) == "https://db/2"
    assert docker("inspect", "--format", "{{.Id}}", f"{project.name}-lone-1") == lone
    # What else they depend on is left alone: the job did not run again.
    assert (project.folder / "seen" / "runs").read_text() == runs
    document = project.inv("status", "--json").document
    assert {one["name"]: one["state"] for one in document["services"]}["db"] == "provided"
    assert [one["stale"] for one in document["services"]] == [False] * 5
    assert project.inv("build").code == 0
    calls.write_text("")
    assert project.inv("down").code == 0
    assert f"compose --project-name={project.name} down --size=3 db" in calls.read_text()
    assert docker("ps", "-aq", "--filter", f"name={project.name}") == ""
