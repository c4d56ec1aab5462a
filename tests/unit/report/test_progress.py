"""The live lines, one for each image and service."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from composetasks.facts import Event
from composetasks.report.progress import LiveLines, sentence


def last_screen(*events: Event, failed: str = "") -> str:
    """What is left on a terminal when a run that had these events is over."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system=None)
    lines = LiveLines(console)
    for event in events:
        lines.event(event)
    lines.close(failed)
    return re.sub(r"\x1b\[[?\d]*\w", "", out.getvalue().rpartition("\x1b[2K")[2])


def waiting(service: str) -> Event:
    message = "waiting for it to listen on port 5000 (at most 60 s)"
    return Event(
        "service-state", time="", service=service, message=message, data={"state": "starting"}
    )


def test_a_service_that_is_not_up_is_left_standing_as_that() -> None:
    last = last_screen(waiting("web"), waiting("worker"), failed="web")
    web, worker, *_ = last.splitlines()
    assert web.split()[:3] == ["web", "not", "up"]
    assert worker.split()[:2] == ["worker", "waiting"]


def test_a_failure_of_what_has_no_line_adds_none() -> None:
    assert "db" not in last_screen(waiting("web"), failed="db")


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"kind": "step-done", "message": "pulled"}, "redis:7: pulled in 0.2 s"),
        ({"kind": "step-failed", "message": "not pulled"}, "redis:7: not pulled (0.2 s)"),
        ({"kind": "step-skipped", "message": "already gone"}, "redis:7: already gone (0.2 s)"),
    ],
)
def test_only_what_was_done_was_done_in_some_time(fields: dict[str, Any], line: str) -> None:
    event = Event(time="", step="pull-image:redis:7", target="redis:7", seconds=0.2, **fields)
    assert sentence(event) == line
