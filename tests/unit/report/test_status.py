"""The services as a page."""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from rich.console import Console

from composetasks.report.status import services_page, style_of
from composetasks.report.text import age, state_of


def one(**changes: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "state": "running",
        "health": "",
        "since": "",
        "exit_code": None,
        "restarts": 0,
        "job": False,
        "done": False,
        "problem": "",
        "warnings": [],
        "replicas": [],
        "memory_bytes": None,
        "cpu_percent": None,
        "stale": False,
        "stale_because": [],
        "ports": [],
        "urls": [],
        "forwarded": [],
        **changes,
    }


def page(*services: dict[str, Any], width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(services_page(services))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("service", "word", "style"),
    [
        (one(), "running", "green"),
        (one(health="healthy"), "healthy", "green"),
        (one(health="starting"), "starting", "yellow"),
        (one(health="unhealthy"), "unhealthy", "red"),
        (one(state="exited", exit_code=0, done=True), "exited with code 0", "green"),
        (one(state="exited", exit_code=0), "exited with code 0", "yellow"),
        (one(problem="restarted 4 times"), "running", "yellow"),
        (one(state="exited", exit_code=3, job=True), "exited with code 3", "red"),
        (one(state="exited", exit_code=137, health="unhealthy"), "exited with code 137", "red"),
        (one(state="paused"), "paused", "yellow"),
        (one(state="restarting"), "restarting", "yellow"),
        (one(state="dead"), "dead", "red"),
        (one(state="missing"), "missing", "bright_black"),
        (one(state="missing", wanted=0), "scaled to 0", "bright_black"),
    ],
)
def test_what_is_as_it_should_be_is_green(service: dict[str, Any], word: str, style: str) -> None:
    assert (state_of(service), style_of(service)) == (word, style)


def test_a_row_tells_how_long_and_what_it_takes() -> None:
    began = datetime.now(timezone.utc) - timedelta(hours=3, minutes=5, seconds=30)
    since = f"{began:%Y-%m-%dT%H:%M:%S}.123456789Z"
    [_, row] = page(one(since=since, memory_bytes=12_300_000, cpu_percent=3.14, restarts=2))
    assert re.split(r"\s{2,}", row) == [
        "web",
        "running, 2 restarts",
        "3 h 05 min",
        "3.1 %",
        "12.3 MB",
    ]


def test_a_figure_that_is_not_known_is_left_out() -> None:
    [head, row] = page(one(restarts=1))
    assert head.split() == ["service", "state", "for", "cpu", "memory", "reached", "at"]
    assert row == "web      running, 1 restart"


def test_addresses_are_the_urls_where_there_are_some() -> None:
    ports = ["127.0.0.1:8000->80/tcp"]
    assert page(one(ports=ports))[1].endswith("127.0.0.1:8000->80/tcp")
    assert page(one(ports=ports, urls=["http://127.0.0.1:8000"]))[1].endswith(
        "http://127.0.0.1:8000"
    )


def test_what_is_stale_is_told_below_with_its_reasons() -> None:
    because = ["2 files changed, a.py among them", "image changed"]
    lines = page(one(stale=True, stale_because=because), one(name="db"))
    assert lines[-2:] == ["", "web is stale: 2 files changed, a.py among them; image changed"]


def test_a_page_fits_a_narrow_terminal() -> None:
    many = [f"127.0.0.1:{8000 + number}->80/tcp" for number in range(5)]
    lines = page(one(name="spark-processor", health="healthy", ports=many), width=80)
    assert max(map(len, lines)) <= 80
    assert any("spark-processor  healthy" in line for line in lines)
    assert all(any(port in line for line in lines) for port in many[:1])


def test_names_of_others_move_no_cursor() -> None:
    assert not any("\x1b" in line for line in page(one(name="we\x1b[2Jb")))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "0 s"),
        (59.9, "59 s"),
        (125, "2 min 05 s"),
        (3 * 3600 + 61, "3 h 01 min"),
        (50 * 3600, "2 d 02 h"),
    ],
)
def test_an_age_has_two_units(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_what_a_health_check_warns_of_stands_below_the_table() -> None:
    lines = page(one(name="job", health="healthy", warnings=["an edit was refused"]), one())
    assert lines[-1] == "job: an edit was refused"


def test_what_a_service_tells_of_itself_is_a_line_below() -> None:
    told = one(facts={"lag": "12", "model": "a\x1b[31mb"}, facts_problem="")
    failed = one(name="db", facts={}, facts_problem="no answer within 3 s")
    assert page(told, failed, one(name="quiet", facts={}, facts_problem=""))[-2:] == [
        "web: lag 12, model ab",
        "db: facts: not available: no answer within 3 s",
    ]
