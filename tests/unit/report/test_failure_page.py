"""The page of a start that failed, from its data alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import (
    NO_SUBNET,
    CreateContainer,
    Evidence,
    ExitCode,
    Operation,
    Plan,
    RecreateContainer,
    StartContainer,
    Step,
)
from composetasks.plan.start.error_line import error_line
from composetasks.report import failure_page
from composetasks.run.failure import TaskFailure
from composetasks.store.run_record import RunRecord


def failure(**changes: Any) -> TaskFailure:
    diagnosis: dict[str, Any] = {
        "container": "shop-db-1",
        "what": ["its health check did not pass within 20 s", "and more"],
        "said": "",
        "exit_code": None,
        "check": "pg_isready",
        "probes": [
            {
                "time": "2026-01-01T10:00:00.000000Z",
                "seconds": 0.1,
                "exit_code": 2,
                "output": "asking\nno response\nsecond line",
                "telling": "no response",
            }
        ],
        "telling": "FATAL: no space left",
        "log": [*(f"line {number}" for number in range(20)), "FATAL: no space left", "bye"],
        "standing": {"kafka": "up", "feed": "starting"},
        "kept": "runs/1/failure.txt",
    }
    diagnosis.update(changes)
    return TaskFailure(
        "db is not up: its health check did not pass within 20 s",
        code=ExitCode.NOT_HEALTHY,
        hint="`docker exec shop-db-1 pg_isready`",
        data={
            "service": "db",
            "kind": "never-healthy",
            "waiting": ["web", "api"],
            "changed": ["environment.WEIGHT: 0.3 -> 0.9"],
            "diagnosis": diagnosis,
        },
    )


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_one_screen(width: int) -> None:
    page = failure_page.lines(failure(telling="x" * 500), width, 24)
    assert max(len(line.text) for line in page) == width
    assert len(page) + 2 <= 24


def test_the_line_that_tells_why_comes_before_the_last_ones() -> None:
    texts = [line.text for line in failure_page.lines(failure(), 80)]
    why, last = texts.index("    > FATAL: no space left"), texts.index("      bye")
    assert why < last
    assert texts.count("      FATAL: no space left") == 0


def test_it_says_who_waits_what_stays_up_and_what_changed() -> None:
    text = "\n".join(line.text for line in failure_page.lines(failure(), 80))
    assert "waiting for it  web, api" in text
    assert "still up  kafka" in text
    assert "starting: feed" in text
    assert "changed  environment.WEIGHT: 0.3 -> 0.9" in text
    assert "10:00:00Z  in 0.1 s  exit 2  no response" in text


def test_what_is_kept_leaves_nothing_out() -> None:
    kept = failure_page.whole(failure())
    assert kept.startswith("error: db is not up")
    assert kept.rstrip().endswith("next: `docker exec shop-db-1 pg_isready`")
    assert "second line" in kept
    assert "line 0\n" in kept


def test_terminal_escapes_of_a_log_reach_no_terminal() -> None:
    page = failure_page.lines(failure(telling="\x1b[31mred\x1b[0m\x07"), 80)
    assert all("\x1b" not in line.text and "\x07" not in line.text for line in page)


RECREATE = RecreateContainer()


def plan(*evidence: Evidence, operation: Operation = RECREATE) -> Plan:
    step = Step(operation, "shop-db-1", "why", service="db", because=evidence, key="0123")
    return Plan(command="up", project="shop", steps=(step,))


def test_a_change_is_told_until_the_service_works_again(tmp_path: Path) -> None:
    change = Evidence(kind="config", field="environment.CODE", old="0", new="6")
    raw = TaskFailure(
        "db", data={**failure().data, "changed": [], "diagnosis": failure().data["diagnosis"]}
    )
    runs = [tmp_path / f"2026010{number}-up" for number in range(1, 5)]
    for run in runs:
        run.mkdir()
    first = failure_page.completed(raw, plan(change), RunRecord(runs[0]))
    assert first.data["changed"] == ["environment.CODE: 0 -> 6"]
    second = failure_page.completed(raw, plan(operation=StartContainer()), RunRecord(runs[1]))
    assert second.data["changed"] == first.data["changed"]
    # It worked in the third run, which left no failure.
    fourth = failure_page.completed(raw, plan(operation=StartContainer()), RunRecord(runs[3]))
    assert fourth.data["changed"] == []
    assert json.loads((runs[1] / "failure.json").read_text())["service"] == "db"


def test_what_never_worked_has_no_changes_beside_that(tmp_path: Path) -> None:
    change = Evidence(kind="config", field="environment.CODE", old="0", new="6")
    raw = TaskFailure("db", data=failure().data)
    for number, made in enumerate([plan(operation=CreateContainer()), plan(change)]):
        run = tmp_path / f"2026010{number}-up"
        run.mkdir()
        told = failure_page.completed(raw, made, RunRecord(run))
        assert told.data["changed"] == [failure_page.EVERYTHING]


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (["Traceback (most recent call last):", '  File "a.py"', "KeyError: 'X'"], "KeyError: 'X'"),
        (
            [
                "Exception in thread main java.lang.IllegalStateException: no",
                "\tat kafka.Kafka.main",
                "Caused by: java.net.BindException: Address already in use",
                "INFO shutting down",
            ],
            "Caused by: java.net.BindException: Address already in use",
        ),
        (["LOG: starting", "FATAL: no such role", "LOG: bye"], "FATAL: no such role"),
        (["INFO: 0 errors", "sh: /x: not found", "INFO error handler set"], "sh: /x: not found"),
        (["listening", "bye"], None),
    ],
)
def test_the_line_that_tells_why_is_found(log: list[str], why: str | None) -> None:
    at = error_line(log)
    assert (None if at is None else log[at]) == why


def test_every_diagnosis_is_in_the_reference() -> None:
    root = Path(__file__).parents[3]
    code = (root / "scripts/composetasks/plan/start/causes.py").read_text()
    page = (root / "docs" / "reference" / "failure-page.md").read_text()
    given = set(re.findall(r'(?:Cause\(\s*|kind == |kind = )"([a-z-]+)"', code)) - {"timeout"}
    given |= {*re.findall(r'else "(command-[a-z-]+)"', code), NO_SUBNET}
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == given


def test_what_a_probe_said_in_one_line_is_kept_once() -> None:
    diagnosis = failure().data["diagnosis"]
    probe = {**diagnosis["probes"][0], "output": "no response\n"}
    assert failure_page.whole(failure(probes=[probe])).count("no response") == 1
