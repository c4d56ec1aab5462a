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
    failing = with_state.replace(
        '    command: [sleep, "3600"]\n', f"    command: [sh, -c, '{says}']\n"
    )
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

    changed = {"DB_PASSWORD": "planted anew 0815 xyzzy", "API_TOKEN": "planted_anew_5Gh2"}
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
