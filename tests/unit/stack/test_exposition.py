"""Figures as text: Prometheus' format as it is specified, and lines for people."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import pytest
import requests

import figures as dashboard
from processing.exposition import Figure, ago, counter, exposition, facts, gauge, info
from processing.figures import Figures, serve, waiting
from processing.tally import Tally, kind_of
from queries import Totals

COMPOSE = Path(__file__).parents[3] / "compose"
COPIES = ("processing", "dags/crawler", "dashboard")


def test_the_three_copies_are_one_file() -> None:
    assert len({(COMPOSE / place / "exposition.py").read_text() for place in COPIES}) == 1


def test_text_is_escaped_as_prometheus_wants_it() -> None:
    figures = [
        info("a_info", 'back\\slash, "quote"\nand line', text='back\\slash, "quote"\nand line'),
        counter("b_total", "Counted.", 3),
        gauge("c", "Not known.", None),
        Figure("d", "gauge", "Two.", {(("x", "1"), ("y", "2")): 0.5, (("x", "2"),): -1}),
    ]
    assert exposition(figures) == (
        '# HELP a_info back\\\\slash, "quote"\\nand line\n'
        "# TYPE a_info gauge\n"
        'a_info{text="back\\\\slash, \\"quote\\"\\nand line"} 1\n'
        "# HELP b_total Counted.\n# TYPE b_total counter\nb_total 3\n"
        "# HELP c Not known.\n# TYPE c gauge\n"
        '# HELP d Two.\n# TYPE d gauge\nd{x="1",y="2"} 0.5\nd{x="2"} -1\n'
    )


def test_facts_are_those_that_are_known() -> None:
    assert facts({"lag": 0, "model": None, "code": "ab"}) == "lag: 0\ncode: ab\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0, "0 s"), (75, "1 min 15 s"), (7200, "2 h"), (9 * 86400 + 61, "9 d 1 min")],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago(1000.0 - seconds, 1000.0) == f"{text} ago"
    assert ago(None, 1000.0) is None


def test_reasons_are_of_few_kinds_whatever_is_sent() -> None:
    assert kind_of("caption: must be a string, is null") == "caption"
    assert kind_of("not JSON: line 1") == "not JSON"
    assert {kind_of(f"{number}: unheard of") for number in range(100)} == {"other"}


def test_what_waits_is_what_is_there_and_not_done() -> None:
    assert waiting({0: 5}, {0: 0, 1: 3}, {0: 9, 1: 10}) == 4 + 7
    assert waiting({0: 5}, {0: 7}, {0: 9}) == 2
    assert waiting({}, {}, {}) == 0


def test_the_job_answers_with_its_figures() -> None:
    figures = Figures("c0de", "m0del", 0.5)
    figures.batch(Tally(scored=2, rejected=Counter({"caption": 1, "other": 2})), 0.25)
    figures.batch(Tally(pending=1), 0.25)
    figures.lag(7)
    server = serve(figures, 0)
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        got = requests.get(f"{address}/metrics", timeout=10)
        lines = requests.get(f"{address}/facts", timeout=10).text.splitlines()
        assert requests.get(f"{address}/nowhere", timeout=10).status_code == 404
    finally:
        server.shutdown()
        server.server_close()
    assert got.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    for sample in (
        'safety_job_info{code_version="c0de",model="m0del",threshold="0.5"} 1',
        "safety_job_lag_messages 7",
        "safety_job_scored_total 2",
        'safety_job_rejected_total{reason="other"} 2',
        "safety_job_batch_seconds_total 0.5",
    ):
        assert sample in got.text.splitlines()
    told = dict(line.split(": ", 1) for line in lines)
    assert re.fullmatch(r"\d+ s ago", told.pop("last post"))
    assert re.fullmatch(r"\d+ s ago", told.pop("running since"))
    assert told == {
        "lag": "7",
        "posts in the last minute": "3",
        "posts": "2",
        "by text for now": "1",
        "rejected": "2 other, 1 caption",
        "model": "m0del",
        "code": "c0de",
    }


def test_the_dashboard_tells_of_an_empty_table_and_of_a_full_one() -> None:
    assert "posts: 0\n" in dashboard.as_facts(Totals(), None, 0.0)
    assert 'safety_rows_info{model="",code_version=""} 1' in dashboard.as_metrics(Totals(), None)
    when = datetime(2026, 3, 1, tzinfo=timezone.utc)
    totals = Totals(posts=9, flagged=3, last_scored=when, waiting=501)
    newest = {"threshold": 0.5, "model": "m0", "code_version": "c0", "last_minute": 2}
    told = dashboard.as_facts(totals, newest, when.timestamp() + 5)
    assert "to review: more than 500\nlast post: 5 s ago\nthreshold: 0.5\n" in told
    assert f"safety_rows_last_timestamp_seconds {when.timestamp()}" in dashboard.as_metrics(
        totals, newest
    )
