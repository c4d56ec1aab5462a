"""What images were built from, kept by digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.facts import BuildInputs, BuildTime, StepTime
from composetasks.store import build_records

INPUTS = BuildInputs(
    service="web",
    digest=build_records.combined("core", {"a": "b"}),
    files={"web/a": "f 644 1", "web/\udcff": "l x"},
    options={"target": "prod"},
    core="core",
    bases={"a": "b"},
)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    build_records.save_inputs(tmp_path, INPUTS)
    loaded = build_records.load_inputs(tmp_path, [INPUTS.digest, "0" * 24])
    assert list(loaded) == [INPUTS.digest]
    assert loaded[INPUTS.digest] == INPUTS
    assert "0" * 24 not in loaded


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    build_records.save_inputs(tmp_path, INPUTS)
    for path in tmp_path.rglob("*.json"):
        path.write_text("{")
    assert INPUTS.digest not in build_records.load_inputs(tmp_path, [INPUTS.digest])


def test_records_are_the_owners_alone(tmp_path: Path) -> None:
    build_records.save_inputs(tmp_path, INPUTS)
    assert [path.stat().st_mode & 0o77 for path in tmp_path.rglob("*.json")] == [0]


def test_bases_are_kept_beside_those_that_are_known(tmp_path: Path) -> None:
    first, second = build_records.Base("sha256:1"), build_records.Base("sha256:2", triggers=True)
    build_records.save_bases(tmp_path, {"a": first})
    build_records.save_bases(tmp_path, {"b": second})
    assert build_records.load_bases(tmp_path) == {"a": first, "b": second}


def step(name: str, seconds: float, cached: bool = False) -> dict[str, object]:
    return {"name": name, "seconds": seconds, "cached": cached}


def test_a_cached_step_keeps_the_seconds_it_took_when_it_ran(tmp_path: Path) -> None:
    build_records.save_times(tmp_path, "web", [step("[1/2] RUN a", 1.5)])
    again = [step("[1/3] RUN a", 0.0, True), step("[2/3] RUN b", 2.0), step("[3/3] RUN c", 0, True)]
    build_records.save_times(tmp_path, "web", again)
    times, _ = build_records.load_times(tmp_path, "web")
    assert {name: one.last for name, one in times.items()} == {"RUN a": 1.5, "RUN b": 2.0}


@pytest.mark.parametrize(
    ("context", "pattern"),
    [
        (".", ".composetasks"),
        ("..", "project/.composetasks"),
        ("sub", ""),
        (".composetasks", ""),
        ("../other", ""),
    ],
)
def test_our_own_folder_is_left_out_where_it_is_in_a_context(
    tmp_path: Path, context: str, pattern: str
) -> None:
    cache = tmp_path / "project" / ".composetasks" / "instances" / "two" / "cache"
    cache.mkdir(parents=True)
    assert build_records.own_pattern(str(tmp_path / "project" / context), cache) == pattern


def test_a_steps_first_and_last_time_are_kept_and_the_builds_as_a_whole(tmp_path: Path) -> None:
    for seconds in (9.0, 4.0, 5.0):
        took = BuildTime(seconds + 2, seconds, 0.5)
        build_records.save_times(tmp_path, "web", [step("[1/1] RUN a", seconds)], took)
    times, builds = build_records.load_times(tmp_path, "web")
    assert times == {"RUN a": StepTime(first=9.0, last=4.5, runs=3, recent=(4.0, 5.0))}
    assert builds == [BuildTime(11, 9, 0.5), BuildTime(6, 4, 0.5), BuildTime(7, 5, 0.5)]


def test_one_slow_run_does_not_change_what_a_step_takes(tmp_path: Path) -> None:
    for seconds in (60.0, 5.0, 4.0, 90.0, 5.0, 6.0, 5.0):
        build_records.save_times(tmp_path, "web", [step("[1/1] RUN a", seconds)])
    times, _ = build_records.load_times(tmp_path, "web")
    assert times["RUN a"] == StepTime(60.0, 5.0, 7, (4.0, 90.0, 5.0, 6.0, 5.0))


def test_the_last_builds_are_kept(tmp_path: Path) -> None:
    for number in range(30):
        build_records.save_times(tmp_path, "web", [], BuildTime(number, 0, 0))
    _, builds = build_records.load_times(tmp_path, "web")
    assert [one.seconds for one in builds] == list(range(10, 30))
