"""Names that a shell or a terminal would read otherwise: they work, or are refused clearly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.own_engine import OwnEngine
from tests.faults.runs import failed, heals
from tests.project import TASKS, Project

ODD = {
    "space": "a b",
    "dashes": "--rm",
    "newline": "a\nb",
    "unicode": "tên dự án",
    "shell": "$(touch x);`id`&",
    "escape": "\x1b[31mred",
}
STACK = """
services:
  web:
    build: "web"
    init: true
    command: [sleep, "1000"]
    volumes: ["./state/points:/points"]
"""
REFUSED = ("newline", "escape")
"""Folders that Compose itself can't work in."""
odd = pytest.mark.parametrize("name", ODD.values(), ids=ODD)


@odd
def test_of_the_project_s_folder(
    project: Project, engine: OwnEngine, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    inside = Project(folder, project.environment, project.name)
    inside.write("tasks.py", TASKS)
    inside.compose(STACK)
    inside.write("web/Dockerfile", "FROM ct-test/busybox\n")
    (folder / "state" / "points").mkdir(parents=True)
    if name in (ODD[one] for one in REFUSED):
        ran = inside.inv("up")
        failed(ran, 6, "the Compose model is invalid")
        assert "\x1b" not in ran.err
    else:
        heals(inside)
        assert inside.inv("down").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["project", name])


@odd
def test_of_a_service_a_snapshot_or_an_instance(
    project: Project, engine: OwnEngine, name: str
) -> None:
    project.compose(STACK)
    project.write("web/Dockerfile", "FROM ct-test/busybox\n")
    for arguments in (
        ("up", f"--service={name}"),
        ("snapshot", f"--name={name}"),
        ("restore", f"--name={name}"),
        ("up", f"--instance={name}"),
    ):
        ran = project.inv(*arguments)
        failed(ran, 2)
        assert "\x1b" not in ran.err
    assert not (project.folder / "x").exists()
