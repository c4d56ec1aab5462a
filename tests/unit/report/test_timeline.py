"""A start as a page and as a picture."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from composetasks.facts import Link, ServiceStart, Shortening, Timeline
from composetasks.report.page import Page
from composetasks.report.timeline import bar, path_line, phases, show
from composetasks.report.timeline_svg import picture

DB = ServiceStart("db", "up", 0.0, 1.0, 2.0, 6.0)
WEB = ServiceStart("web", "up", 6.0, 7.0, 8.0, 10.0, ("db",))
NEVER = ServiceStart("late", "waiting", waited_for=("web",))
BROKEN = ServiceStart("<b> & 'c'\x1b[31m", "failed", 0.0, 1.0)
START = Timeline("shop", "run", "2026-01-31T12:00:00.000Z", "", 10.0, "up", (DB, WEB))
FAILED = replace(START, outcome="failed", services=(DB, WEB, NEVER, BROKEN))
PATH = (Link("db", 6.0), Link("web", 4.0))
SVG = "{http://www.w3.org/2000/svg}"


def page(timeline: Timeline, width: int) -> list[str]:
    shown = Page()
    out = io.StringIO()
    shown.out = Console(file=out, width=width, highlight=False)
    advice = (Shortening("db", "the health check of db runs only every 5 s", 4.5),)
    show(shown, timeline, PATH, advice)
    return out.getvalue().splitlines()


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 (it is our own)


def test_a_service_goes_through_its_phases() -> None:
    assert phases(START, WEB) == [
        ("waiting", 0.0, 6.0),
        ("creating", 6.0, 7.0),
        ("starting", 7.0, 8.0),
        ("getting ready", 8.0, 10.0),
    ]
    assert phases(FAILED, NEVER) == [("waiting", 0.0, 10.0)]
    assert phases(FAILED, BROKEN) == [("creating", 0.0, 1.0), ("starting", 1.0, 10.0)]


def test_a_bar_is_as_long_as_its_share_of_the_start() -> None:
    assert bar(START, WEB, 20, hot=False).plain == "············░░▒▒████"
    assert bar(START, DB, 20, hot=False).plain == "░░▒▒████████        "


def test_the_shortest_moment_is_seen() -> None:
    short = ServiceStart("short", "up", 9.99, 9.99, 9.99, 10.0)
    assert bar(START, short, 10, hot=False).plain.endswith("█")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_page_tells_each_service_and_fits(width: int) -> None:
    lines = page(START, width)
    assert lines[0].startswith("shop: up after 10.0 s")
    [db] = [line for line in lines if line.startswith("* db ")]
    [web] = [line for line in lines if line.startswith("* web ")]
    assert "6.0 s" in db
    assert "10.0 s  after" in web
    assert max(map(len, [db, web])) <= width
    assert "db 6.0 s > web 4.0 s" in " ".join(lines)
    assert "up to 4.5 s" in " ".join(lines)


def test_a_page_of_a_failed_start_tells_how_each_ended() -> None:
    lines = page(FAILED, 100)
    assert any("late" in line and "never started" in line for line in lines)
    assert any("failed 10.0 s" in line for line in lines)
    assert "\x1b" not in "".join(lines)


def test_the_path_is_one_line() -> None:
    assert path_line(PATH) == "critical path: db 6.0 s > web 4.0 s"


def test_a_picture_has_a_bar_for_each_phase_and_an_arrow_for_each_wait() -> None:
    root = parsed(picture(START, PATH))
    told = [title.text for title in root.iter(f"{SVG}title")]
    assert told[0] == "db: creating, 1.0 s"
    assert "web: waiting, 6.0 s" in told
    assert len(told) == 3 + 4
    assert sum("Z" in path.get("d", "") for path in root.iter(f"{SVG}path")) == 1
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert "shop: up after 10.0 s" in words
    assert path_line(PATH) in words


def test_a_picture_holds_whatever_a_name_holds() -> None:
    root = parsed(picture(FAILED, PATH))
    assert "<b> & 'c'" in [text.text for text in root.iter(f"{SVG}text")]


def test_how_a_bar_ended_is_written_behind_it() -> None:
    root = parsed(picture(FAILED, PATH))
    bars = [one for one in root.iter(f"{SVG}rect") if one.find(f"{SVG}title") is not None]
    longest = max(float(one.get("x", 0)) + float(one.get("width", 0)) for one in bars)
    [never] = [one for one in root.iter(f"{SVG}text") if one.text == "never started"]
    assert float(never.get("x", 0)) > longest


def test_a_picture_stays_within_its_frame() -> None:
    root = parsed(picture(FAILED, PATH))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for one in root.iter(f"{SVG}rect"):
        x, y = float(one.get("x", 0)), float(one.get("y", 0))
        assert 0 <= x <= x + float(one.get("width", 0)) <= width
        assert 0 <= y <= y + float(one.get("height", 0)) <= height
