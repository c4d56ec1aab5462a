"""The last start of real containers, as it is told afterwards."""

from __future__ import annotations

from typing import Any

from tests.engine.stacks import docker, remove_project
from tests.project import Project

STAYS = 'image: ct-test/busybox, init: true, command: [sleep, "1000"]'
QUICK = "start_period: 60s, start_interval: 200ms"
CHAIN = f"""
services:
  base: {{{STAYS}, healthcheck: {{test: [CMD, "true"], {QUICK}}}}}
  job: {{image: ct-test/busybox, command: ["true"],
    depends_on: {{base: {{condition: service_healthy}}}}}}
  web: {{{STAYS}, healthcheck: {{test: [CMD, "true"], {QUICK}}},
    depends_on: {{job: {{condition: service_completed_successfully}}}}}}
"""


def told(project: Project) -> tuple[Any, dict[str, Any]]:
    """The document of the last start, and its services by name."""
    ran = project.inv("timeline", "--json")
    assert ran.code == 0, ran.err
    return ran.document, {one["name"]: one for one in ran.document["services"]}


def test_a_chain_is_its_own_critical_path(project: Project) -> None:
    project.compose(CHAIN)
    assert project.inv("up").code == 0
    document, services = told(project)
    assert document["outcome"] == "up"
    assert document["critical_path"] == ["base", "job", "web"]
    assert services["base"]["waited_for"] == []
    assert services["web"]["waited_for"] == ["job"]
    assert {one["state"] for one in services.values()} == {"up", "done"}
    for service in services.values():
        moments = [service[key][:23] for key in ("launched", "created", "started", "ready")]
        assert moments == sorted(moments)
    assert services["job"]["launched"] >= services["base"]["ready"]
    assert sum(document["critical_seconds"]) <= document["seconds"]


def test_what_was_up_already_is_no_part_of_a_start(project: Project) -> None:
    project.compose(CHAIN)
    assert project.inv("up").code == 0
    docker("rm", "-f", f"{project.name}-web-1")
    assert project.inv("up").code == 0
    document, services = told(project)
    assert (list(services), document["critical_path"]) == (["web"], ["web"])
    # A start with nothing to do is none.
    assert project.inv("up").code == 0
    assert told(project)[0] == document


def test_a_start_that_failed_is_told_up_to_there(project: Project) -> None:
    project.compose(CHAIN.replace('command: ["true"]', 'command: ["false"]'))
    assert project.inv("up").code == 8
    document, services = told(project)
    assert (document["outcome"], document["critical_path"]) == ("failed", ["base", "job"])
    assert {name: one["state"] for name, one in services.items()} == {
        "base": "up",
        "job": "failed",
        "web": "waiting",
    }
    assert (services["web"]["launched"], services["web"]["waited_for"]) == (None, ["job"])
    page = project.inv("timeline", "--svg", "start.svg")
    assert "never started" in page.out
    assert "never started" in (project.folder / "start.svg").read_text()


def test_a_check_that_asks_seldom_is_what_to_better_and_up_says_where_time_went(
    project: Project,
) -> None:
    project.compose(f"""
services:
  slow: {{{STAYS}, healthcheck: {{test: [CMD, "true"], interval: 6s}}}}
""")
    ran = project.inv("up")
    assert ran.code == 0, ran.err
    assert "slow (every 6s): the health check runs so rarely" in ran.err
    [line] = [line for line in ran.out.splitlines() if line.startswith("critical path: ")]
    assert line.startswith("critical path: slow ")
    [advice] = told(project)[0]["advice"]
    assert (advice["service"], advice["saves_seconds"]) == ("slow", 5.5)
    assert "only every 6 s" in advice["message"]


def test_what_is_long_has_its_critical_path_in_the_result(project: Project) -> None:
    project.compose(f"""
services:
  job: {{image: ct-test/busybox, command: [sleep, "6"]}}
  web: {{{STAYS}, depends_on: {{job: {{condition: service_completed_successfully}}}}}}
  by: {{{STAYS}}}
""")
    ran = project.inv("up", "--json")
    assert ran.code == 0, ran.err
    assert ran.lines[-1]["critical_path"] == ["job", "web"]
    again = project.inv("up", "--json")
    assert "critical_path" not in again.lines[-1]


def test_an_instance_has_a_timeline_of_its_own(project: Project) -> None:
    project.compose(CHAIN)
    assert project.inv("up", "--instance", "one").code == 0
    try:
        ran = project.inv("timeline", "--instance", "one", "--json")
        assert ran.code == 0, ran.err
        assert ran.document["critical_path"] == ["base", "job", "web"]
        # The project itself was never started.
        assert project.inv("timeline").code == 1
    finally:
        remove_project(f"{project.name}-one")
