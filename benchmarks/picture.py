"""The ratios as a picture: one bar per figure, the peer's time as a line at 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from statistics import median

from benchmarks.framework import Figure

ROW, LEFT, WIDE, TOP = 26, 550, 420, 46
MOST = 2.5
"""The ratio at the right edge; a longer bar is cut there, and its number shows its length."""
LONGEST = 80
"""The maximum length of a label in characters."""
COLOURS = {True: "#2e7d32", False: "#c62828", None: "#607d8b"}


def picture(figures: Sequence[Figure]) -> str:
    """An SVG of every figure that has a peer."""
    shown = [one for one in figures if one.peer]
    height = TOP + ROW * len(shown) + 40
    return "".join(f"{line}\n" for line in lines(shown, height))


def lines(figures: Sequence[Figure], height: int) -> Iterator[str]:
    width = LEFT + WIDE + 90
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    title = "Ours beside its peer: the ratio of medians"
    yield f'<text x="12" y="20" font-size="15" fill="#222">{title}</text>'
    for tick in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5):
        x, colour = at(tick), "#222" if tick == 1 else "#ddd"
        yield f'<line x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{height - 34}" stroke="{colour}"/>'
        yield f'<text x="{x}" y="{TOP - 11}" text-anchor="middle" fill="#555">{tick:g}</text>'
    names = [figure.name for figure in figures]
    for number, figure in enumerate(figures):
        beside = f", beside {figure.against}" if names.count(figure.name) > 1 else ""
        yield from bar(figure, f"{figure.name}{beside}", TOP + ROW * number)
    legend = (
        "green: target (black mark) reached; red: missed; grey: no target; left of 1 is less; "
        "what is longer than 2.5 is cut"
    )
    yield f'<text x="12" y="{height - 12}" fill="#555">{legend}</text>'
    yield "</svg>"


def bar(figure: Figure, label: str, y: int) -> Iterator[str]:
    ratio = figure.ratio
    assert ratio is not None
    name, against = (one.replace("`", "") for one in (figure.name, figure.against))
    middle = y + 15
    yield f"<g><title>{escape(f'{name}, against {against}')}</title>"
    place = f'x="{LEFT - 10}" y="{middle}" text-anchor="end"'
    yield f'<text {place} fill="#222">{escape(short(label.replace("`", "")))}</text>'
    wide = at(ratio) - LEFT
    yield (
        f'<rect x="{LEFT}" y="{y + 4}" width="{wide:.1f}" height="{ROW - 10}" '
        f'fill="{COLOURS[figure.reached]}"/>'
    )
    if figure.target:
        allowed = figure.target.factor + figure.target.plus / median(figure.peer)
        x = at(allowed)
        line = f'x1="{x}" y1="{y + 1}" x2="{x}" y2="{y + ROW - 3}"'
        yield f'<line {line} stroke="#000" stroke-width="2"/>'
    yield f'<text x="{LEFT + WIDE + 12}" y="{middle}" fill="#222">{ratio:.2f}</text></g>'


def short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def at(ratio: float) -> float:
    """The horizontal position of a ratio."""
    return round(LEFT + WIDE * min(ratio, MOST) / MOST, 1)
