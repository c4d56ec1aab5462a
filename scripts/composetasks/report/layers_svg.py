"""The picture of ``layers``: a bar for each image, its layers scaled by their seconds and coloured
by how often they are rebuilt."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from composetasks.facts.units import size
from composetasks.report import svg
from composetasks.report.layers import unmeasured
from composetasks.report.text import duration

WIDTH, LEFT, RIGHT, TOP = 1100, 130, 90, 74
BAR, STEP = 34, 58
LEGEND = 26
COLOURS = (
    (0, "#c9d6df", "#1d2b36"),
    (1, "#f7d488", "#3d2c00"),
    (5, "#ef9b5a", "#3a1600"),
    (15, "#d9534f", "#ffffff"),
    (50, "#96231f", "#ffffff"),
)
"""The fewest commits that rebuild a layer of this colour, the colour, and that of its text."""
GRID = "#e3e8ec"
POINTS = 12
_text = partial(svg.text, points=POINTS)


def picture(document: Mapping[str, Any]) -> str:
    """The document of ``layers`` as an SVG."""
    images = document["images"]
    sums = [sum(_seconds(layer) for layer in image["layers"]) for image in images]
    longest = max(sums, default=0.0) or 1.0
    scale = (WIDTH - LEFT - RIGHT) / longest
    height = TOP + len(images) * STEP + 44
    parts = [
        svg.begin(WIDTH, height),
        _text(16, 24, "How long each layer takes to build, and how often it is rebuilt", points=15),
        *_legend(),
        *(_grid(longest, scale, height - 36) if any(sums) else ()),
    ]
    if not images:
        parts.append(_text(LEFT, TOP, "no image is built here", ink=svg.QUIET))
    for number, (image, whole) in enumerate(zip(images, sums, strict=True)):
        parts += _bar(image, whole, TOP + number * STEP, scale)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _seconds(layer: Mapping[str, Any]) -> float:
    return float(layer["seconds"] or 0)


def _legend() -> Iterator[str]:
    x = 16.0
    ends = [*(least for least, _, _ in COLOURS[1:]), None]
    for (least, colour, _), end in zip(COLOURS, ends, strict=True):
        words = f"{least} or more" if end is None else str(least)
        if end is not None and end - least > 1:
            words = f"{least} to {end - 1}"
        yield f"<rect x='{x:.1f}' y='38' width='14' height='14' rx='2' fill='{colour}'/>"
        yield _text(x + 20, 49, words, ink=svg.QUIET)
        x += LEGEND + 20 + svg.width_of(words, POINTS)
    yield _text(x, 49, "of the last 200 commits", ink=svg.QUIET)


def _grid(longest: float, scale: float, bottom: float) -> Iterator[str]:
    """Lines at round numbers of seconds."""
    step = _round_step(longest)
    for number in range(int(longest / step) + 1):
        x = LEFT + number * step * scale
        yield f"<path d='M{x:.1f} {TOP - 8} V{bottom:.1f}' stroke='{GRID}'/>"
        yield _text(x, bottom + 16, f"{number * step:g} s", ink=svg.QUIET, anchor="middle")


def _round_step(longest: float) -> float:
    """A round number that results in four to ten lines."""
    power = 10.0 ** math.floor(math.log10(longest / 4))
    return next(power * factor for factor in (1, 2, 5, 10) if longest / (power * factor) <= 10)


def _bar(image: Mapping[str, Any], whole: float, y: float, scale: float) -> Iterator[str]:
    yield _text(LEFT - 10, y + 15, str(image["service"]), points=13, anchor="end")
    held = "" if image["bytes"] is None else size(image["bytes"])
    yield _text(LEFT - 10, y + 30, held, points=11, ink=svg.QUIET, anchor="end")
    x = float(LEFT)
    layers: Sequence[Mapping[str, Any]] = image["layers"]
    for layer in layers:
        width = _seconds(layer) * scale
        if width > 0:
            yield from _segment(layer, x, y, width)
        x += width
    if unmeasured(image):
        yield _text(x, y + 21, "no step ran here yet: their duration is not known", ink=svg.QUIET)
        return
    unknown = any(layer["seconds"] is None for layer in layers)
    yield _text(x + 8, y + 21, f"{duration(whole)}{' and more' if unknown else ''}")


def _segment(layer: Mapping[str, Any], x: float, y: float, width: float) -> Iterator[str]:
    _, colour, ink = max(one for one in COLOURS if one[0] <= layer["remade"])
    held = "" if layer["bytes"] is None else f", {size(layer['bytes'])}"
    text = (
        f"line {layer['line']}: {layer['instruction']}\n{duration(_seconds(layer))}{held}, "
        f"rebuilt for {layer['remade']} of the last commits"
    )
    yield "<g>"
    yield svg.title(text)
    yield (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{BAR}' fill='{colour}' "
        "stroke='#ffffff' stroke-width='1'/>"
    )
    word = str(layer["instruction"]).partition(" ")[0]
    for label in (f"{word}, line {layer['line']}", f"line {layer['line']}", str(layer["line"])):
        if svg.width_of(label, POINTS) + 8 <= width:
            yield _text(x + width / 2, y + 21, label, ink=ink, anchor="middle")
            break
    yield "</g>"
