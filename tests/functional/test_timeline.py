"""``inv timeline`` needs no engine: it is told by what the last `inv up` kept."""

from __future__ import annotations

import json

import pytest

from tests.project import Project
from tests.unit.observe.start.test_timeline import RECORD
from tests.unit.report.test_timeline import parsed


def keep(project: Project) -> None:
    place = ".composetasks/runs/20260131T120000.000000Z-up/timeline.json"
    project.write(place, json.dumps(RECORD))


def test_a_start_is_one_document(project: Project) -> None:
    keep(project)
    ran = project.inv("timeline", "--json")
    assert ran.code == 0, ran.err
    document = ran.document
    assert [one["name"] for one in document["services"]] == ["db", "web", "late"]
    assert document["services"][1]["waited_for"] == ["db"]
    assert document["services"][2]["ready"] is None
    assert document["critical_path"] == ["db", "web", "late"]


def test_a_start_is_drawn(project: Project) -> None:
    keep(project)
    ran = project.inv("timeline", "--svg", "start.svg")
    assert ran.code == 0, ran.err
    assert "* web" in ran.out
    assert parsed((project.folder / "start.svg").read_text()).tag.endswith("svg")


@pytest.mark.parametrize("place", ["nowhere/start.svg", f"{'long' * 100}.svg"])
def test_a_picture_needs_a_place_that_can_be_written(project: Project, place: str) -> None:
    keep(project)
    ran = project.inv("timeline", "--svg", place, "--json")
    assert (ran.code, ran.document["code"]) == (2, 2)
    assert "can't be written" in ran.document["message"]


def test_a_full_disk_is_told_as_everywhere(project: Project) -> None:
    keep(project)
    ran = project.inv("timeline", "--svg", "/dev/full")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "error: the disk is full")


def test_no_start_is_known_before_the_first(project: Project) -> None:
    ran = project.inv("timeline", "--json")
    assert (ran.code, ran.document["schema"]) == (1, "composetasks.error/1")
