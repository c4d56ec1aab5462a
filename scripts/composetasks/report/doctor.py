"""The page of ``doctor``: passed checks in a line each, and below them the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from composetasks.facts.plain_text import clean, cut
from composetasks.report.page import Page

STYLES = {"ok": "green", "skipped": "bright_black", "warning": "yellow", "failed": "bold red"}
"""The style of each status, in the order of the page."""
QUIET = "bright_black"
NARROWEST = 40


def show(page: Page, document: Mapping[str, Any]) -> None:
    """Show the document of ``doctor``."""
    checks: Sequence[Mapping[str, Any]] = document["checks"]
    width = max(len(str(one["name"])) for one in checks)
    for status in STYLES:
        for check in checks:
            if check["status"] == status:
                _show(page, check, width)
    _verdict(page, Counter(str(one["status"]) for one in checks))


def _show(page: Page, check: Mapping[str, Any], width: int) -> None:
    status = str(check["status"])
    quiet = status in ("ok", "skipped")
    head = Text(f"{status:<7}  ", style=STYLES[status])
    head.append(f"{check['name']:<{width}}  ", style="" if quiet else "bold")
    indent = head.cell_len
    message = " ".join(clean(str(check["message"])).split())
    if quiet:
        room = max(NARROWEST, page.out.width) - indent
        head.append(cut(message, room), style=QUIET)
        page.out.print(head, no_wrap=True, overflow="ignore", crop=False)
        return
    words = Text(message)
    for text, style in ((words, ""), (Text(f"-> {clean(str(check['hint']))}"), "cyan")):
        text.stylize(style)
        shown = text if page.out.is_terminal else Text(text.plain)
        first = head if text is words else Text(" " * indent)
        _hanging(page, first, shown, indent)


def _hanging(page: Page, first: Text, text: Text, indent: int) -> None:
    """Print a paragraph with a hanging indent after ``first``."""
    lines = text.wrap(page.out, max(NARROWEST, page.out.width - indent))
    for number, line in enumerate(lines):
        before = first if number == 0 else Text(" " * indent)
        line.rstrip()
        page.out.print(before + line, no_wrap=True, overflow="ignore", crop=False)


def _verdict(page: Page, counted: Mapping[str, int]) -> None:
    parts = [f"{counted[status]} {status}" for status in reversed(STYLES) if counted.get(status)]
    worst = next(status for status in reversed(STYLES) if counted.get(status))
    page.line(", ".join(parts), STYLES[worst])
