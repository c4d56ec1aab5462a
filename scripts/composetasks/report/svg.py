"""The elements that the pictures of ``timeline``, ``layers`` and ``graph`` consist of: SVG without
external resources."""

from __future__ import annotations

from xml.sax.saxutils import escape

from composetasks.facts.plain_text import clean

INK, QUIET = "#1f2933", "#6b7480"
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, sans-serif'"
LETTER = 0.57
"""The approximate width of a letter, in its font size."""


def begin(width: float, height: float) -> str:
    """The beginning of a picture, with a white ground; ``</svg>`` ends it."""
    size = f"width='{width:g}' height='{height:g}'"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} viewBox='0 0 {width:g} {height:g}' {FONT}>"
        f"\n<rect {size} fill='#ffffff'/>"
    )


def text(
    x: float,
    y: float,
    words: str,
    *,
    points: int = 13,
    ink: str = INK,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """A line of text; ``anchor`` is the part of it that is at ``x``: start, middle or end."""
    weight = " font-weight='600'" if bold else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{points}' fill='{ink}' "
        f"text-anchor='{anchor}'{weight}>{escape(clean(words))}</text>"
    )


def title(words: str) -> str:
    """What a viewer shows when the pointer is over the element around it."""
    return f"<title>{escape(clean(words))}</title>"


def width_of(words: str, points: int = 13) -> float:
    """The approximate width of a line of text."""
    return len(clean(words)) * points * LETTER
