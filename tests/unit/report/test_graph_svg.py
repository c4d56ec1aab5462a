"""The graph of a model as a picture."""

from __future__ import annotations

from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composetasks.report.graph import graph_document
from composetasks.report.graph_svg import picture
from tests.unit.report.test_graph import SHOP, state
from tests.unit.worlds import model

SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]


def drawn(document: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(picture(document))  # noqa: S314 - our own text


def texts(root: ElementTree.Element) -> list[str]:
    return [str(text.text) for text in root.iter(f"{SVG}text")]


def boxes(root: ElementTree.Element) -> list[Box]:
    """The left, upper, right and lower edges of the services' boxes, in their order."""
    found = []
    for rect in root.iter(f"{SVG}rect"):
        if rect.get("rx"):
            left, top, width, height = (
                float(rect.get(name, "")) for name in ("x", "y", "width", "height")
            )
            found.append((left, top, left + width, top + height))
    return found


def arrows(root: ElementTree.Element) -> list[tuple[str, tuple[float, float], tuple[float, float]]]:
    """The title of each arrow, where it begins and where its head ends."""
    found = []
    for group in root.iter(f"{SVG}g"):
        curve, head = (str(path.get("d")).split() for path in group.iter(f"{SVG}path"))
        begin = (float(curve[1]), float(curve[2]))
        tip = (float(head[6]), float(head[7]))
        found.append((str(group.findtext(f"{SVG}title")), begin, tip))
    return found


def document(pairs: list[tuple[int, int]], count: int) -> dict[str, Any]:
    return {
        "project": "shop",
        "services": [
            {
                "name": f"s{number}",
                "state": None,
                "wanted": 1,
                "provider": "",
                "health": None,
                "exit_code": None,
                "ports": [f"{port}/tcp" for port in range(number % 4)],
            }
            for number in range(count)
        ],
        "dependencies": [
            {
                "from": f"s{begin}",
                "to": f"s{end}",
                "condition": "service_healthy",
                "required": True,
                "restart": False,
            }
            for begin, end in pairs
        ],
    }


def test_it_says_what_mermaid_says() -> None:
    states = [
        state("db", health="unhealthy", ports=["127.0.0.1:1->5432/tcp"]),
        state("init.job", state="exited", exit_code=0),
        state("end", health="healthy"),
    ]
    root = drawn(graph_document(SHOP, states))
    assert texts(root) == [
        "shop: 3 services",
        "an arrow points to what a service depends on; dashed: not required",
        *("healthy, restart", "completed"),
        *("db", "unhealthy", "127.0.0.1:1->5432/tcp"),
        *("init.job", "exited with code 0"),
        *("end", "healthy"),
    ]
    assert [title for title, _, _ in arrows(root)] == [
        "init.job depends on db (healthy, restart)",
        "end depends on init.job (completed)",
        "end depends on db",
    ]
    dashed = [bool(path.get("stroke-dasharray")) for path in root.iter(f"{SVG}path")]
    assert dashed == [False, False, False, False, True, False]
    fills = [rect.get("fill") for rect in root.iter(f"{SVG}rect") if rect.get("rx")]
    assert fills == ["#fbd5d5", "#ffffff", "#d3f3da"]


def test_without_services_it_says_so() -> None:
    assert texts(drawn(graph_document(model(), ()))) == ["shop: 0 services", "no service is active"]


def test_names_can_not_be_markup() -> None:
    odd = document([], 1)
    odd["project"] = "<&'\">"
    odd["services"][0]["ports"] = ["<b>\x1b[31m"]
    assert texts(drawn(odd)) == ["<&'\">: 1 service", "s0", "<b>"]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 9))
    every = list(combinations(range(count), 2))
    pairs = draw(st.lists(st.sampled_from(every), unique=True)) if every else []
    return document(pairs, count)


@given(graphs())
def test_no_box_covers_another_and_each_arrow_leads_right(graph: dict[str, Any]) -> None:
    root = drawn(graph)
    places = boxes(root)
    assert len(places) == len(graph["services"])
    for one, other in combinations(places, 2):
        apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
        assert apart
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert all(one[0] >= 0 and one[1] >= 0 for one in places)
    assert all(one[2] <= width and one[3] <= height for one in places)
    by_name = dict(zip([one["name"] for one in graph["services"]], places, strict=True))
    drawn_arrows = arrows(root)
    assert len(drawn_arrows) == len(graph["dependencies"])
    for dependency, (_, begin, tip) in zip(graph["dependencies"], drawn_arrows, strict=True):
        source, target = by_name[dependency["from"]], by_name[dependency["to"]]
        assert begin == pytest.approx((source[2], (source[1] + source[3]) / 2), abs=0.11)
        assert tip == pytest.approx((target[0], (target[1] + target[3]) / 2), abs=0.11)
        assert begin[0] < tip[0]
