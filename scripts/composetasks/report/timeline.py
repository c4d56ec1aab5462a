"""The last start as a waterfall chart of text, and its critical path in a line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from rich.text import Text

from composetasks.facts import Link, ServiceStart, Shortening, Timeline
from composetasks.facts.plain_text import clean, cut
from composetasks.report.text import duration

if TYPE_CHECKING:
    from composetasks.report.page import Page

WIDEST, NARROWEST = 60, 16
"""The width of the bars in columns."""
LONGEST_NAME = 24
CHARACTERS = {"waiting": "·", "creating": "░", "starting": "▒", "getting ready": "█"}
STYLES = {
    "waiting": "bright_black",
    "creating": "cyan",
    "starting": "cyan",
    "getting ready": "blue",
}


def path_line(path: Sequence[Link]) -> str:
    """The critical path in one line: each service with its own share of the time."""
    words = [f"{link.service} {duration(link.seconds)}" for link in path]
    return clean(f"critical path: {' > '.join(words)}")


def show(
    page: Page, timeline: Timeline, path: Sequence[Link], shortenings: Sequence[Shortening]
) -> None:
    """Show the whole page."""
    took = f"{timeline.outcome} after {duration(timeline.seconds)}"
    page.line(f"{timeline.project}: {took}, began {timeline.began}", "bold")
    critical = {link.service for link in path}
    names = [cut(clean(one.name), LONGEST_NAME) for one in timeline.services]
    ends = [ending(timeline, one) for one in timeline.services]
    before, middle = max(map(len, names)) + 4, max(map(len, ends))
    room = page.out.width - before - 2 - middle
    width = max(NARROWEST, min(WIDEST, room * 2 // 3))
    for start, name, end in zip(timeline.services, names, ends, strict=True):
        hot = start.name in critical
        line = Text(f"{'*' if hot else ' '} {name}".ljust(before - 2) + "  ")
        line.stylize("bold" if hot else "", 0, before)
        line.append_text(bar(timeline, start, width, hot=hot))
        line.append(f"  {end:>{middle}}", style="red" if start.state == "failed" else "")
        if start.waited_for:
            after = f"  after {', '.join(map(clean, start.waited_for))}"
            line.append(cut(after, room - width), style="bright_black")
        line.rstrip()
        page.out.print(line, no_wrap=True, overflow="ignore", crop=False)
    legend = "   ".join(f"{sign} {word}" for word, sign in CHARACTERS.items())
    page.line(f"  {legend}   * critical path", "bright_black")
    page.line(path_line(path))
    if shortenings:
        page.line("what would shorten it most:")
        page.table([[f"  up to {duration(one.seconds)}", one.message] for one in shortenings])


def ending(timeline: Timeline, start: ServiceStart) -> str:
    """The text after a service's bar: its result and the time."""
    if start.launched is None:
        return "never started"
    word = {"failed": "failed ", "starting": "not ready "}.get(start.state, "")
    return word + duration(timeline.seconds if start.decided is None else start.decided)


def phases(timeline: Timeline, start: ServiceStart) -> list[tuple[str, float, float]]:
    """The phases of a service with their begin and end, in seconds since the start began."""
    end = timeline.seconds if start.decided is None else start.decided
    moments = [0.0, start.launched, start.created, start.started, end]
    phases = []
    for index, word in enumerate(CHARACTERS):
        begin = moments[index]
        if begin is None:
            continue
        until = next(at for at in moments[index + 1 :] if at is not None)
        if until > begin:
            phases.append((word, begin, until))
    return phases


def bar(timeline: Timeline, start: ServiceStart, width: int, *, hot: bool) -> Text:
    """The bar of a service; the whole start is ``width`` columns wide."""
    cells = [(" ", "")] * width
    total = max(timeline.seconds, 0.001)
    for word, begin, until in phases(timeline, start):
        style = STYLES[word]
        if word == "getting ready" and (start.state == "failed" or hot):
            style = "red" if start.state == "failed" else "yellow"
        first = min(round(begin / total * width), width - 1)
        last = max(first + 1, min(round(until / total * width), width))
        cells[first:last] = [(CHARACTERS[word], style)] * (last - first)
    runs = groupby(cells, itemgetter(1))
    return Text.assemble(*(("".join(sign for sign, _ in run), style) for style, run in runs))
