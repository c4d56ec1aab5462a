"""A start is told by what its run kept, and by nothing that is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from composetasks.observe.start.timeline import last_start, read_start

RECORD: dict[str, Any] = {
    "project": "shop",
    "began": "2026-01-31T12:00:00.000Z",
    "ended": "2026-01-31T12:00:09.000Z",
    "outcome": "up",
    "services": {
        "web": {
            "state": "up",
            "waited_for": ["db"],
            "launched": "2026-01-31T12:00:04.000Z",
            "created": "2026-01-31T12:00:04.250000000Z",
            "started": "2026-01-31T12:00:04.500000001Z",
            "ready": "2026-01-31T12:00:08.000Z",
            "asked_every": 0.5,
        },
        "db": {
            "state": "up",
            "waited_for": [],
            "launched": "2026-01-31T12:00:00.100Z",
            "created": "2025-12-24T12:00:00.000000000Z",
            "started": "2026-01-31T12:00:00.400000000Z",
            "ready": "2026-01-31T12:00:03.900Z",
        },
        "late": {"state": "waiting", "waited_for": ["web"]},
    },
}


def kept(runs: Path, name: str, record: Any) -> Path:
    run = runs / name
    run.mkdir()
    (run / "timeline.json").write_text(record if isinstance(record, str) else json.dumps(record))
    return run


def test_moments_are_seconds_since_the_start_began(tmp_path: Path) -> None:
    result = read_start(kept(tmp_path, "1-up", RECORD))
    assert result is not None
    db, web, late = result.services
    assert (result.project, result.seconds, result.outcome) == ("shop", 9.0, "up")
    assert (web.launched, web.created, web.started, web.ready) == (4.0, 4.25, 4.5, 8.0)
    assert (web.waited_for, web.asked_every) == (("db",), 0.5)
    assert web.times["started"] == "2026-01-31T12:00:04.500000001Z"
    # Its container was there: it is created for this start when it is launched.
    assert (db.launched, db.created) == (0.1, 0.1)
    assert db.times["created"].startswith("2025")
    assert (late.launched, late.ready, late.times) == (None, None, {})


def test_a_clock_that_is_ahead_puts_nothing_behind_its_end(tmp_path: Path) -> None:
    record = json.loads(json.dumps(RECORD).replace("12:00:04.5", "12:07:04.5"))
    result = read_start(kept(tmp_path, "1-up", record))
    assert result is not None
    assert [(one.started, one.ready) for one in result.services if one.name == "web"] == [
        (9.0, 9.0)
    ]


def test_the_newest_start_of_up_is_told(tmp_path: Path) -> None:
    kept(tmp_path, "20260131T120000.000000Z-up", RECORD)
    kept(tmp_path, "20260131T130000.000000Z-up", {**RECORD, "outcome": "failed"})
    kept(tmp_path, "20260131T140000.000000Z-restore", RECORD)
    (tmp_path / "20260131T150000.000000Z-up").mkdir()
    result = last_start(tmp_path)
    assert result is not None
    assert result.outcome == "failed"


@pytest.mark.parametrize(
    "record",
    [
        "",
        "{",
        "[]",
        "{}",
        {**RECORD, "began": 3},
        {**RECORD, "ended": "soon"},
        {**RECORD, "services": ["web"]},
        {**RECORD, "services": {}},
        {**RECORD, "services": {"web": None}},
        {**RECORD, "services": {"web": {"state": "up"}}},
        {**RECORD, "services": {"web": {"state": "up", "waited_for": [], "launched": "x"}}},
        {"services": {"web": {"created": "", "started": "", "ready": ""}}},
    ],
)
def test_a_damaged_record_is_none(tmp_path: Path, record: Any) -> None:
    kept(tmp_path, "20260131T130000.000000Z-up", record)
    assert last_start(tmp_path) is None
    kept(tmp_path, "20260131T120000.000000Z-up", RECORD)
    assert last_start(tmp_path) is not None
