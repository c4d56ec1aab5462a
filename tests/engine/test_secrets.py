"""A start, a change of secrets and an end on a real engine: no output and no file has a secret."""

from __future__ import annotations

import pytest

from tests import planted as planting
from tests.engine.busybox import TAG
from tests.project import Project

pytestmark = pytest.mark.engine


def test_snapshots_and_failure_pages_hold_no_secret(project: Project) -> None:
    """All there is of state: kept, listed, emptied, brought back; and a start that fails while the
    service says its password."""
    secrets = planting.plant(project, image=TAG)
    model = (project.folder / "compose.yaml").read_text()
    state = "    volumes: ['rows:/rows']\n    depends_on: [db]\nvolumes: {rows: {}}\n"
    assert model.endswith("    depends_on: [db]\n")
    with_state = model.removesuffix("    depends_on: [db]\n") + state
    project.write("compose.yaml", with_state)
    commands: list[list[str]] = [
        ["up"],
        ["snapshot", "kept", "--json"],
        ["snapshots", "--json"],
        ["restore", "kept", "--plan", "--json"],
        ["restore", "kept", "--yes"],
        ["reset-state", "--plan"],
        ["reset-state", "--yes", "--json"],
        ["restore", "nowhere", "--yes"],
    ]
    runs = [project.inv(*command) for command in commands]
    assert [run.code for run in runs] == [0] * 7 + [2], [run.err for run in runs]
    assert (project.folder / ".composetasks/snapshots/kept/manifest.json").exists()

    says = "echo the password is $$DB_PASSWORD and the key $$PRIVATE_KEY; exit 3"
    assert '    command: [sleep, "3600"]\n' in with_state
    # It is never healthy, and so never up, however long it takes to say it and end.
    never_up = f"    command: [sh, -c, '{says}']\n    healthcheck: {{test: [CMD, 'false']}}\n"
    failing = with_state.replace('    command: [sleep, "3600"]\n', never_up)
    project.write("compose.yaml", failing)
    failed = project.inv("up", "--timeout", "20")
    assert failed.code == 8, failed.err
    assert "the password is" in failed.err
    runs += [failed, project.inv("up", "--timeout", "20", "--json"), project.inv("down")]
    assert secrets.leaks(*runs, folder=project.folder) == []


def test_a_whole_life_leaves_no_secret(project: Project) -> None:
    line = project
    secrets = planting.plant(line, image=TAG)
    runs = [line.inv("up"), line.inv("env", "--json"), line.inv("status", "--json")]
    assert [run.code for run in runs] == [0, 0, 0], runs[0].err

    changed = {"DB_PASSWORD": "planted later 0815 xyzzy", "API_TOKEN": "planted_later_5Gh2"}
    plan = line.inv("up", "--plan", "--json", **changed)
    fields = {
        entry["field"]
        for step in plan.document["steps"]
        for entry in step["because"]
        if "field" in entry
    }
    assert {"environment.DB_PASSWORD", "environment.API_TOKEN"} <= fields
    held = {
        one["name"]: one["containers"]
        for one in line.inv("env", "--json", **changed).document["variables"]
    }
    assert held["API_TOKEN"] == {"web": False}
    assert held["DB_PASSWORD"] == {"db": False, "web": None}
    assert held["PRIVATE_KEY"] == {"db": True}

    runs += [plan, line.inv("up", **changed), line.inv("down", **changed)]
    assert [run.code for run in runs[3:]] == [0, 0, 0], runs[4].err + runs[5].err
    all_of_them = planting.Planted(
        {**secrets.values, **{f"new {name}": value for name, value in changed.items()}},
        secrets.sources,
    )
    assert all_of_them.leaks(*runs, folder=project.folder) == []


def test_what_the_model_declares_is_hidden_in_logs_and_builds(project: Project) -> None:
    """Also where Compose's model is remembered, of which no secret is kept."""
    values = {
        "argument": "plantedcnryT0kAQz7",
        "file": "planted in a file 2Wq8",
        "variable": "planted-in-note-5Rt1",
        "literal": "planted-literal-8Yh3",
        "config": "planted-in-config-3Wq9",
    }
    model = project.folder / "compose.yaml"
    project.compose(f"""
secrets:
  file: {{file: ./file.txt}}
  variable: {{environment: NOTE}}
configs:
  app: {{content: "db_password: {values["config"]}"}}
services:
  web:
    build: {{context: web, args: {{NPM_TOKEN: {values["argument"]}}}}}
    command: [sh, -c, "cat /run/secrets/* /app; echo; echo $$DBPASS; exec sleep 3600"]
    init: true
    stop_grace_period: 1s
    environment: {{DBPASS: {values["literal"]}}}
    secrets: [file, variable]
    configs: [app]
""")
    secret_file = project.write("file.txt", f"{values['file']}\n")
    dockerfile = (
        f"FROM {TAG}\nARG NPM_TOKEN\nRUN --network=none echo using $NPM_TOKEN {project.name}\n"
    )
    project.write("web/Dockerfile", dockerfile)
    secrets = planting.Planted(values, (model, secret_file))
    note = {"NOTE": values["variable"]}

    built = project.inv("build", **note)
    again = project.inv("build", "--no-cache", **note)
    assert (built.code, again.code) == (0, 0), built.err + again.err
    log = next((project.folder / ".composetasks/runs").glob("*-build/build-web.log")).read_text()
    assert "using ***" in log

    up = project.inv("up", **note)
    assert up.code == 0, up.err
    printed = project.inv("logs", **note)
    assert printed.out.count("***") == 4, printed.out
    logs = [printed, project.inv("logs", "--json", **note)]
    assert secrets.leaks(built, again, up, *logs, folder=project.folder) == []
    raw = project.inv("logs", "--raw", **note)
    assert all(values[one] in raw.out for one in ("file", "variable", "literal", "config"))
