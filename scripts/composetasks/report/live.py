"""The services as a page that is updated in place and reacts to keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from composetasks.facts.plain_text import clean
from composetasks.report.status import QUIET, add_columns, facts_line, row
from composetasks.report.text import addresses

WIDE = 100
"""The width in columns from which CPU and memory are shown too."""
KEYS = (("q", "quit"), ("↑↓", "choose"), ("r", "restart"), ("l", "logs"), ("o", "open"))
LEFT = 5
"""The number of terminal lines that do not show services."""


def live_page(
    document: Mapping[str, Any], lines: Mapping[str, str], chosen: int, width: int, height: int
) -> RenderableType:
    """A row for each service with what it waits for, its problem, or the last line it wrote
    (``lines``). If not all fit on the terminal, the rows around ``chosen`` are shown."""
    services: Sequence[Mapping[str, Any]] = document["services"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("", width=1)
    columns = ("service", "state", "for", *(("cpu", "memory") if width >= WIDE else ()))
    add_columns(table, columns, {"service": 20, "state": 24})
    table.add_column("last line", header_style=QUIET, no_wrap=True, ratio=1, overflow="ellipsis")
    with_facts = any(map(facts_line, services))
    room = max(1, height - LEFT - with_facts)
    first = min(max(0, chosen - room + 1), max(0, len(services) - room))
    for at, service in enumerate(services[first : first + room], first):
        mark = Text(">" if at == chosen else "", style="bold")
        table.add_row(mark, *row(service, columns), _last(service, lines))
    below = [facts_line(services[chosen])] if with_facts else []
    for line in below:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(
        _title(document, services), table, Text(), *below, _footer(services[chosen : chosen + 1])
    )


def _title(document: Mapping[str, Any], services: Sequence[Mapping[str, Any]]) -> Text:
    up = sum(_is_up(one) for one in services)
    text = Text(clean(str(document["project"])), style="bold")
    text.append(f"  {up} of {len(services)} up", style="green" if up == len(services) else "yellow")
    return text


def _is_up(service: Mapping[str, Any]) -> bool:
    running = service["state"] == "running" and service["health"] in ("", "healthy")
    return (
        bool(service["done"])
        or service["state"] == "provided"
        or (running and not service["problem"])
    )


def _last(service: Mapping[str, Any], lines: Mapping[str, str]) -> Text:
    if service["waits_for"]:
        return Text(clean(f"waits for {', '.join(service['waits_for'])}"), style="yellow")
    if service["problem"]:
        return Text(clean(str(service["problem"])), style="red")
    return Text(clean(lines.get(str(service["name"]), "")).strip(), style=QUIET)


def _footer(chosen: Sequence[Mapping[str, Any]]) -> Text:
    """The chosen service's problem, its addresses, or why it is stale; and the keys. ``chosen`` is
    empty if the model has no active service."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for service in chosen:
        if service["problem"]:
            text.append(clean(str(service["problem"])), style="red")
        elif service["urls"] or service["ports"]:
            text.append(clean(addresses(service)))
        elif service["stale"]:
            text.append(clean(f"stale: {'; '.join(service['stale_because'])}"), style="yellow")
    text.append("\n" if chosen else "the model has no active service\n")
    for key, does in KEYS:
        text.append(key, style="bold").append(f" {does}   ", style=QUIET)
    return text
