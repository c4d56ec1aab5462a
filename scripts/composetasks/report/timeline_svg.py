"""The last start as a picture: an SVG without external resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from composetasks.facts import Link, ServiceStart, Timeline
from composetasks.facts.plain_text import clean
from composetasks.report.text import duration
from composetasks.report.timeline import ending, path_line, phases

WIDTH, ROW, BAR, TOP, MARGIN = 960, 30, 16, 84, 24
LETTER = 7.4
"""The approximate width of a letter of the labels."""
COLOURS = {
    "waiting": "#dfe3e8",
    "creating": "#a8c8ec",
    "starting": "#6ea3dc",
    "getting ready": "#2f6fb5",
}
CRITICAL, FAILED, WAITED = "#d9630f", "#c22f2f", "#9aa5b1"
QUIET, INK = "#6b7480", "#1f2933"
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
MOST_TICKS = 12
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, sans-serif'"


def picture(timeline: Timeline, path: Sequence[Link]) -> str:
    """The SVG document."""
    return "\n".join([*_Picture(timeline, path).parts(), ""])


class _Picture:
    """The layout of the picture, and its parts as SVG elements."""

    def __init__(self, timeline: Timeline, path: Sequence[Link]) -> None:
        self.timeline, self.path = timeline, path
        self.critical = [link.service for link in path]
        self.rows = {one.name: number for number, one in enumerate(timeline.services)}
        names = [clean(one.name) for one in timeline.services]
        ends = [ending(timeline, one) for one in timeline.services]
        self.left = MARGIN + LETTER * max(map(len, names)) + 16
        self.right = WIDTH - MARGIN - LETTER * max(map(len, ends)) - 12
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
        size = f"width='{WIDTH}' height='{self.height}' viewBox='0 0 {WIDTH} {self.height}'"
        yield f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT} font-size='13'>"
        yield f"<rect width='{WIDTH}' height='{self.height}' fill='#ffffff'/>"
        title = f"{timeline.project}: {timeline.outcome} after {duration(timeline.seconds)}"
        yield _text(MARGIN, 34, title, INK, "font-size='18' font-weight='600'")
        yield _text(MARGIN, 54, f"began {timeline.began}", QUIET)
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
            yield _text(at, TOP - 10, label, QUIET, "text-anchor='middle' font-size='11'")

    def _row(self, start: ServiceStart) -> Iterator[str]:
        middle = self.y(start.name)
        hot, name = start.name in self.critical, clean(start.name)
        weight = "font-weight='600'" if hot else ""
        yield _text(self.left - 12, middle + 4.5, name, INK, f"text-anchor='end' {weight}")
        for word, begin, until in phases(self.timeline, start):
            colour, height = COLOURS[word], BAR
            if word == "waiting":
                height = 4
            elif word == "getting ready" and (start.state == "failed" or hot):
                colour = FAILED if start.state == "failed" else CRITICAL
            first, width = self.x(begin), max(1.0, round(self.x(until) - self.x(begin), 1))
            title = escape(f"{name}: {word}, {duration(until - begin)}")
            yield (
                f"<rect x='{first}' y='{middle - height / 2}' width='{width}' height='{height}' "
                f"fill='{colour}'><title>{title}</title></rect>"
            )
        colour = FAILED if start.state == "failed" else INK
        end = self.timeline.seconds if start.decided is None else start.decided
        yield _text(self.x(end) + 8, middle + 4.5, ending(self.timeline, start), colour)

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
            yield _text(at + 18, middle + 1.5, word, QUIET)
            at += 18 + LETTER * len(word) + 18
        yield _text(MARGIN, middle + 32, path_line(self.path), INK)


def _text(x: float, y: float, text: str, colour: str, more: str = "") -> str:
    return f"<text x='{round(x, 1)}' y='{round(y, 1)}' fill='{colour}' {more}>{escape(text)}</text>"
