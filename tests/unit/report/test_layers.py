"""The document of `layers`, its picture, and its sentences."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import Commits, LayeredImage
from composetasks.plan.layers.costs import costs
from composetasks.plan.layers.predict import EditKind, Prediction, TriedEdit
from composetasks.report.layers import document, edit_line, tried_line
from composetasks.report.layers_svg import COLOURS, picture
from tests.schemas import validate
from tests.unit.plan.layers.made import layer, stack

SVG = "{http://www.w3.org/2000/svg}"


def web() -> LayeredImage:
    return stack(
        layer("FROM debian:12", image="debian:12"),
        layer("RUN --mount=type=cache,target=/c make <all> & more", 8.0, size=1000),
        layer("COPY often /", 2.0, files=("often",)),
        layer("RUN unknown", None),
        layer("CMD x"),
    )


def found(*images: LayeredImage, times: int = 60) -> dict[str, Any]:
    told = document(costs(images, Commits((frozenset({"often"}),) * times)))
    validate(told)
    return told


def bars(told: dict[str, Any]) -> list[tuple[str, float, str]]:
    """The segments of the picture: what each says, its width, its colour."""
    root = ET.fromstring(picture(told))  # noqa: S314 (our own)
    segments = []
    for group in root.iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert box is not None
        segments.append((str(title.text), float(box.attrib["width"]), box.attrib["fill"]))
    return segments


def test_a_segment_is_as_wide_as_its_seconds_and_coloured_by_how_often_it_is_made_again() -> None:
    first, second = bars(found(web()))
    assert first[1] == pytest.approx(4 * second[1], rel=0.01)
    assert (first[2], second[2]) == (COLOURS[0][1], COLOURS[-1][1])
    assert first[0].startswith(
        "line 2: RUN --mount=type=cache,target=/c make <all> & more\n8.0 s, 1.0 kB"
    )


def test_all_bars_have_one_scale() -> None:
    other = replace(stack(layer("FROM x", image="x"), layer("RUN a", 4.0)), service="api")
    widths = [width for _, width, _ in bars(found(web(), other))]
    assert widths[2] == pytest.approx(widths[0] / 2, rel=0.01)


@pytest.mark.parametrize("seconds", [0.004, 0.3, 7.0, 59.0, 5000.0])
def test_a_picture_has_a_few_lines_at_round_seconds_whatever_its_scale(seconds: float) -> None:
    root = ET.fromstring(picture(found(stack(layer("FROM x"), layer("RUN a", seconds)))))  # noqa: S314
    ticks = [one.text or "" for one in root.iter(f"{SVG}text")]
    assert 3 <= len([tick for tick in ticks if tick.endswith(" s") and "." not in tick[-4:]]) <= 13


def test_an_edit_is_told_in_a_sentence() -> None:
    edit = {"path": "a", "layers": 2, "line": 3, "seconds": 4.0}
    image = {"service": "web", "dockerfile": "web/Dockerfile"}
    told = "web: an edit of a rebuilds everything from web/Dockerfile:3: 4.0 s"
    assert edit_line(image, edit) == told
    assert "from line 3:" in edit_line({**image, "dockerfile": ""}, edit)
    assert "seconds unknown" in edit_line(image, {**edit, "seconds": None})
    assert "rebuilds nothing" in edit_line(image, {**edit, "layers": 0})


def tried(predicted: float | None, seconds: float) -> TriedEdit:
    return TriedEdit("web", Prediction(EditKind.CODE, "a", 1, (1,), predicted), seconds, ("RUN a",))


def test_errors_are_shares_of_what_it_took_and_their_median_is_told() -> None:
    results = [tried(8.0, 10.0), tried(15.0, 10.0), tried(10.0, 10.0), tried(None, 3.0)]
    told = validate(document(costs([web()], None), results))
    assert [one["error"] for one in told["validation"]["edits"]] == [0.2, 0.5, 0.0, None]
    assert told["validation"]["median_error"] == 0.2
    assert tried_line(results[0]) == "web: after an edit of a: predicted 8.0 s, took 10.0 s"


def test_where_nothing_could_be_tried_there_is_no_median() -> None:
    assert validate(document(costs([web()], None), []))["validation"]["median_error"] is None
