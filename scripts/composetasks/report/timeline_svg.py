"""The last start as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from composetasks.facts import Link, ServiceStart, Timeline
from composetasks.report import svg
from composetasks.report.text import duration
from composetasks.report.timeline import ending, path_line, phases

WIDTH, ROW, BAR, TOP, MARGIN = 960, 30, 16, 84, 24
COLOURS = {
    "waiting": "#dfe3e8",
    "creating": "#a8c8ec",
    "starting": "#6ea3dc",
    "getting ready": "#2f6fb5",
}
CRITICAL, FAILED, WAITED = "#d9630f", "#c22f2f", "#9aa5b1"
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
MOST_TICKS = 12


def picture(timeline: Timeline, path: Sequence[Link]) -> str:
    """The SVG document."""
    return "\n".join([*_Picture(timeline, path).parts(), ""])


class _Picture:
    """The layout of the picture, and its parts as SVG elements."""

    def __init__(self, timeline: Timeline, path: Sequence[Link]) -> None:
        self.timeline, self.path = timeline, path
        self.critical = [link.service for link in path]
        self.rows = {one.name: number for number, one in enumerate(timeline.services)}
        names = [svg.width_of(one.name) for one in timeline.services]
        ends = [svg.width_of(ending(timeline, one)) for one in timeline.services]
        self.left = MARGIN + max(names) + 16
        self.right = WIDTH - MARGIN - max(ends) - 12
        self.bottom = TOP + ROW * len(names) + 8
        self.height = self.bottom + 84

    def x(self, seconds: float) -> float:
        total = max(self.timeline.seconds, 0.001)
        return round(self.left + (self.right - self.left) * min(seconds / total, 1.0), 1)

    def y(self, name: str) -> float:
        """The middle of a service's row."""
        return TOP + ROW * (self.rows[name] + 0.5)

    def parts(self) -> Iterator[str]:
        timeline = self.timeline
        yield svg.begin(WIDTH, self.height)
        title = f"{timeline.project}: {timeline.outcome} after {duration(timeline.seconds)}"
        yield svg.text(MARGIN, 34, title, points=18, bold=True)
        yield svg.text(MARGIN, 54, f"began {timeline.began}", ink=svg.QUIET)
        yield from self._ticks()
        for service in timeline.services:
            yield from self._row(service)
        for service in timeline.services:
            yield from self._waits(service)
        yield from self._legend()
        yield "</svg>"

    def _ticks(self) -> Iterator[str]:
        total = self.timeline.seconds
        step = next((one for one in STEPS if total / one <= MOST_TICKS), max(total, 1.0))
        for number in range(int(total / step) + 1):
            at = self.x(number * step)
            yield (
                f"<line x1='{at}' y1='{TOP - 4}' x2='{at}' y2='{self.bottom}' stroke='#eceff2'/>"
            )
            label = f"{number * step:g} s"
            yield svg.text(at, TOP - 10, label, points=11, ink=svg.QUIET, anchor="middle")

    def _row(self, start: ServiceStart) -> Iterator[str]:
        middle = self.y(start.name)
        hot = start.name in self.critical
        yield svg.text(self.left - 12, middle + 4.5, start.name, anchor="end", bold=hot)
        for word, begin, until in phases(self.timeline, start):
            colour, height = COLOURS[word], BAR
            if word == "waiting":
                height = 4
            elif word == "getting ready" and (start.state == "failed" or hot):
                colour = FAILED if start.state == "failed" else CRITICAL
            first, width = self.x(begin), max(1.0, round(self.x(until) - self.x(begin), 1))
            title = svg.title(f"{start.name}: {word}, {duration(until - begin)}")
            yield (
                f"<rect x='{first}' y='{middle - height / 2}' width='{width}' height='{height}' "
                f"fill='{colour}'>{title}</rect>"
            )
        ink = FAILED if start.state == "failed" else svg.INK
        end = self.timeline.seconds if start.decided is None else start.decided
        yield svg.text(self.x(end) + 8, middle + 4.5, ending(self.timeline, start), ink=ink)

    def _waits(self, start: ServiceStart) -> Iterator[str]:
        """A line from the end of each service that was waited for: an arrow to this service's
        beginning for the last one, a dot on its waiting time for the others."""
        if start.launched is None:
            return
        for name in start.waited_for:
            other = next((each for each in self.timeline.services if each.name == name), None)
            if other is None:
                continue
            decided = other.decided
            let_go = start.launched if decided is None else min(decided, start.launched)
            last = (name, start.name) in pairwise(self.critical)
            at, side = self.x(let_go), 1 if self.y(start.name) > self.y(name) else -1
            begin, end = self.y(name) + side * BAR / 2, self.y(start.name)
            if last:
                at, end = self.x(start.launched), end - side * BAR / 2
                head = f"M {at - 3.5} {end - side * 5} h 7 L {at} {end} Z"
                yield f"<path d='{head}' fill='{CRITICAL}'/>"
            else:
                yield f"<circle cx='{at}' cy='{end}' r='3' fill='{WAITED}'/>"
            colour = CRITICAL if last else WAITED
            yield f"<path d='M {at} {begin} V {end - side * 4}' stroke='{colour}' fill='none'/>"

    def _legend(self) -> Iterator[str]:
        at, middle = float(MARGIN), self.bottom + 28
        failed = any(one.state == "failed" for one in self.timeline.services)
        entries = {**COLOURS, "on the critical path": CRITICAL}
        if failed:
            entries["failed"] = FAILED
        for word, colour in entries.items():
            yield f"<rect x='{at}' y='{middle - 9}' width='12' height='12' fill='{colour}'/>"
            yield svg.text(at + 18, middle + 1.5, word, ink=svg.QUIET)
            at += 18 + svg.width_of(word) + 18
        yield svg.text(MARGIN, middle + 32, path_line(self.path))
