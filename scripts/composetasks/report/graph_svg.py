"""The graph of services as a picture; ``report/graph.py`` makes its document.

The layout is layered (Sugiyama, Tagawa and Toda 1981): a service is in the column after the last
service that depends on it; an arrow that crosses a column has a cell in it; and the cells of a
column are ordered by the mean height of their neighbours, in turns from both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from statistics import mean
from typing import Any, NamedTuple

from composetasks.facts.units import counted
from composetasks.report import svg
from composetasks.report.graph import COLOURS, box_lines, condition, kind

MARGIN, TOP, FOOT = 24, 84, 24
LINE, PADDING = 17, 10
GAP, CHANNEL = 22, 160
"""The space between two cells of a column, and between two columns, where arrows are labelled."""
CROSSING = 10
"""The height of an arrow's cell in a column that it crosses."""
SWEEPS = 6
LABEL, HEAD = 11, 8
"""The font size of an arrow's label, and the length of its head."""
OTHER, EDGE, FRAME = "#ffffff", "#7b8794", "#9aa5b1"
NOBODY = "no service is active"
LABELLED_AT = (0.5, 0.6, 0.4, 0.7, 0.3, 0.75, 0.25, 0.8)
"""Where on a curve the label of an arrow may be: the first place that is free is taken."""
Box = tuple[float, float, float, float]
"""The left, upper, right and lower edge."""


class _Cell(NamedTuple):
    """A cell of a column: a service's, or that of an arrow (its number) that crosses it."""

    name: str
    arrow: int = -1


class _Layout:
    """The cells of all columns, and their coordinates. ``routes`` are the cells of each arrow,
    from the service that depends to its dependency."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.lines = {one["name"]: box_lines(one) for one in document["services"]}
        pairs = [(one["from"], one["to"]) for one in document["dependencies"]]
        columns = _columns(self.lines, pairs)
        count = max(columns.values(), default=0) + 1
        self.columns: list[list[_Cell]] = [[] for _ in range(count)]
        for name, column in columns.items():
            self.columns[column].append(_Cell(name))
        self.routes: list[list[_Cell]] = []
        for number, (begin, end) in enumerate(pairs):
            route = [_Cell(begin)]
            for column in range(columns[begin] + 1, columns[end]):
                route.append(_Cell(f"{begin} {column}", number))
                self.columns[column].append(route[-1])
            self.routes.append([*route, _Cell(end)])
        self.middle: dict[_Cell, float] = {}
        self._order()
        self.height = max(map(self._tall, self.columns))
        for cells in self.columns:
            self._stack(cells, TOP + (self.height - self._tall(cells)) / 2)
        self.left: list[float] = []
        self.width = float(MARGIN)
        for cells in self.columns:
            self.left.append(self.width)
            self.width += max(map(self._wide, cells), default=0.0) + CHANNEL
        self.width += MARGIN - CHANNEL
        self.column = {cell: number for number, cells in enumerate(self.columns) for cell in cells}

    def box(self, cell: _Cell) -> Box:
        """The edges of a cell; one of an arrow is as wide as its column."""
        number, tall = self.column[cell], self._high(cell)
        wide = max(map(self._wide, self.columns[number]))
        top = self.middle[cell] - tall / 2
        return self.left[number], top, self.left[number] + wide, top + tall

    def _high(self, cell: _Cell) -> float:
        return CROSSING if cell.arrow >= 0 else LINE * len(self.lines[cell.name]) + PADDING

    def _wide(self, cell: _Cell) -> float:
        if cell.arrow >= 0:
            return 0.0
        name, *rest = self.lines[cell.name]
        widths = [svg.width_of(name) * 1.06, *(svg.width_of(one, LABEL) for one in rest)]
        return max(widths) + 2 * PADDING

    def _tall(self, cells: Sequence[_Cell]) -> float:
        return sum(map(self._high, cells)) + GAP * max(len(cells) - 1, 0)

    def _stack(self, cells: Iterable[_Cell], top: float) -> None:
        for cell in cells:
            self.middle[cell] = top + self._high(cell) / 2
            top += self._high(cell) + GAP

    def _order(self) -> None:
        """Order the cells of each column by the mean height of their neighbours."""
        after: dict[_Cell, list[_Cell]] = {}
        before: dict[_Cell, list[_Cell]] = {}
        for route in self.routes:
            for cell, following in pairwise(route):
                after.setdefault(cell, []).append(following)
                before.setdefault(following, []).append(cell)
        for cells in self.columns:
            self._stack(cells, -self._tall(cells) / 2)
        for sweep in range(SWEEPS):
            neighbours = after if sweep % 2 == 0 else before
            for cells in reversed(self.columns) if sweep % 2 == 0 else self.columns:
                heights = {
                    one: mean([self.middle[other] for other in neighbours.get(one, [one])])
                    for one in cells
                }
                cells.sort(key=heights.__getitem__)
                self._stack(cells, -self._tall(cells) / 2)


def _columns(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The column of each service, in the order of the document."""
    dependents: dict[str, list[str]] = {name: [] for name in names}
    for begin, end in pairs:
        dependents[end].append(begin)
    columns: dict[str, int] = {}
    for name in TopologicalSorter(dependents).static_order():
        columns[name] = max((columns[other] + 1 for other in dependents[name]), default=0)
    return {name: columns[name] for name in dependents}


def picture(document: Mapping[str, Any]) -> str:
    """The document of ``graph`` as an SVG."""
    return "\n".join([*_parts(document), "</svg>", ""])


def _parts(document: Mapping[str, Any]) -> Iterator[str]:
    services, dependencies = document["services"], document["dependencies"]
    heading = f"{document['project']}: {counted(len(services), 'service')}"
    legend = "an arrow points to what a service depends on" if dependencies else ""
    if not all(one["required"] for one in dependencies):
        legend += "; dashed: not required"
    layout = _Layout(document) if services else None
    width = max(svg.width_of(heading, 18), svg.width_of(legend or NOBODY)) + 2 * MARGIN
    if layout is None:
        yield svg.begin(width, TOP)
        yield svg.text(MARGIN, 34, heading, points=18, bold=True)
        yield svg.text(MARGIN, 54, NOBODY, ink=svg.QUIET)
        return
    yield svg.begin(max(width, layout.width), TOP + layout.height + FOOT)
    yield svg.text(MARGIN, 34, heading, points=18, bold=True)
    if legend:
        yield svg.text(MARGIN, 54, legend, ink=svg.QUIET)
    arrows = [
        (dependency, [layout.box(cell) for cell in route])
        for dependency, route in zip(dependencies, layout.routes, strict=True)
    ]
    for dependency, boxes in arrows:
        yield from _arrow(dependency, boxes)
    yield from _labels(arrows)
    for service in services:
        yield from _box(service, layout.box(_Cell(service["name"])))


def _box(service: Mapping[str, Any], edges: tuple[float, float, float, float]) -> Iterator[str]:
    left, top, right, bottom = edges
    yield (
        f"<rect x='{left:.1f}' y='{top:.1f}' width='{right - left:.1f}' "
        f"height='{bottom - top:.1f}' rx='5' fill='{COLOURS.get(kind(service), OTHER)}' "
        f"stroke='{FRAME}'/>"
    )
    name, *rest = box_lines(service)
    center, y = (left + right) / 2, top + PADDING / 2 + 12.5
    yield svg.text(center, y, name, anchor="middle", bold=True)
    for line in rest:
        y += LINE
        yield svg.text(center, y, line, points=LABEL, anchor="middle")


def _arrow(dependency: Mapping[str, Any], boxes: Sequence[Box]) -> Iterator[str]:
    """A curve from box to box, straight through the columns that it crosses."""
    curve = ""
    for begin, end in pairwise(boxes):
        near, first, far, last = _ends(begin, end)
        far -= HEAD if end is boxes[-1] else 0
        middle = (near + far) / 2
        curve += f" H {near:.1f}" if curve else f"M {near:.1f} {first:.1f}"
        curve += f" C {middle:.1f} {first:.1f} {middle:.1f} {last:.1f} {far:.1f} {last:.1f}"
    dashed = "" if dependency["required"] else " stroke-dasharray='5 4'"
    label = condition(dependency)
    yield "<g>"
    yield svg.title(
        f"{dependency['from']} depends on {dependency['to']}" + (f" ({label})" if label else "")
    )
    yield f"<path d='{curve}' fill='none' stroke='{EDGE}' stroke-width='1.4'{dashed}/>"
    _, _, x, y = _ends(*boxes[-2:])
    yield f"<path d='M {x - HEAD - 1:.1f} {y - 4:.1f} v 8 L {x:.1f} {y:.1f} Z' fill='{EDGE}'/>"
    yield "</g>"


def _ends(begin: Box, end: Box) -> tuple[float, float, float, float]:
    """Where the curve between two boxes begins and ends: two points."""
    return begin[2], (begin[1] + begin[3]) / 2, end[0], (end[1] + end[3]) / 2


def _labels(arrows: Iterable[tuple[Mapping[str, Any], Sequence[Box]]]) -> Iterator[str]:
    """The labels of all arrows, each on its own and, if there is a place, beside the others."""
    taken: list[tuple[float, float, float]] = []
    for dependency, boxes in arrows:
        label = condition(dependency)
        if not label:
            continue
        half = svg.width_of(label, LABEL) / 2 + 3
        curves = [_ends(begin, end) for begin, end in pairwise(boxes)]
        points = [_on_curve(curve, at) for curve in curves for at in LABELLED_AT]
        free = (
            (x, y)
            for x, y in points
            if not any(
                abs(x - left) < half + wide and abs(y - high) < LABEL + 3
                for left, high, wide in taken
            )
        )
        x, y = next(free, points[0])
        taken.append((x, y, half))
        yield (
            f"<rect x='{x - half:.1f}' y='{y - 8:.1f}' width='{2 * half:.1f}' height='15' "
            "fill='#ffffff' fill-opacity='0.85'/>"
        )
        yield svg.text(x, y + 3.5, label, points=LABEL, ink=svg.QUIET, anchor="middle")


def _on_curve(ends: tuple[float, float, float, float], at: float) -> tuple[float, float]:
    """A point of the Bezier curve that :func:`_arrow` draws, at 0 to 1 of its length."""
    near, first, far, last = ends
    begin, end = (1 - at) ** 3, at**3
    inner, outer = 3 * at * (1 - at) ** 2, 3 * at**2 * (1 - at)
    middle = (near + far) / 2
    x = begin * near + (inner + outer) * middle + end * far
    return x, (begin + inner) * first + (outer + end) * last
