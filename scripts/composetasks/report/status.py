"""The services as a page: state, for how long, CPU and memory, and whether they are stale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from composetasks.facts.plain_text import clean
from composetasks.facts.timestamps import parse_time
from composetasks.facts.units import counted, size
from composetasks.report.text import addresses, age, state_of

QUIET = "bright_black"
WAITING = ("starting", "created", "paused", "restarting", "removing")
RIGHT = ("for", "cpu", "memory")


def style_of(service: Mapping[str, Any]) -> str:
    """The colour of a state: green if it is as it should be."""
    word = str(service["health"] or service["state"])
    if word in ("healthy", "running"):
        return "yellow" if service["problem"] else "green"
    if service["state"] == "exited" and service["exit_code"] == 0:
        return "green" if service["done"] else "yellow"
    return QUIET if word in ("missing", "provided") else "yellow" if word in WAITING else "red"


def services_page(services: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A row for each service, and below them the stale services with the reasons."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    *narrow, widest = COLUMNS
    add_columns(table, narrow)
    table.add_column(widest, header_style=QUIET, overflow="fold")
    for service in services:
        table.add_row(*row(service))
    below = [line for one in services if (line := facts_line(one))]
    below += [_problem(one) for one in services if _uneven(one) or one["problem"]]
    below += [_warning(one, line) for one in services for line in one["warnings"]]
    below += [_stale(one) for one in services if one["stale"]]
    return Group(table, *([Text(), *below] if below else []))


def state_text(service: Mapping[str, Any]) -> Text:
    """A service's state, how many of its replicas have it, and its restarts."""
    state = Text(clean(state_of(service)), style=style_of(service))
    alike = [other for other in service["replicas"] if _stands(other) == _stands(service)]
    if len(alike) < len(service["replicas"]):
        state.append(f" ({len(alike)} of {len(service['replicas'])})")
    if service["restarts"]:
        state.append(f", {counted(service['restarts'], 'restart')}", style="yellow")
    return state


def _age(service: Mapping[str, Any]) -> Text:
    """How long a service has been in its state, by the engine's time."""
    if not service["since"]:
        return Text()
    passed = datetime.now(timezone.utc) - parse_time(str(service["since"]))
    return Text(age(max(0.0, passed.total_seconds())))


def _cpu(service: Mapping[str, Any]) -> Text:
    percent = service.get("cpu_percent")
    return Text("" if percent is None else f"{percent:.1f} %")


def _memory(service: Mapping[str, Any]) -> Text:
    count = service.get("memory_bytes")
    return Text("" if count is None else size(count))


COLUMNS: Mapping[str, Callable[[Mapping[str, Any]], Text]] = {
    "service": lambda one: Text(clean(str(one["name"]))),
    "state": state_text,
    "for": _age,
    "cpu": _cpu,
    "memory": _memory,
    "reached at": lambda one: Text(clean(addresses(one))),
}
"""The columns, and the text that each shows for a service; the last may take several lines."""


def add_columns(
    table: Table, names: Sequence[str], widths: Mapping[str, int] | None = None
) -> None:
    """Add these columns of :data:`COLUMNS` to a table, with maximum ``widths``."""
    for name in names:
        table.add_column(
            name,
            header_style=QUIET,
            justify="right" if name in RIGHT else "left",
            no_wrap=True,
            max_width=(widths or {}).get(name),
        )


def row(service: Mapping[str, Any], names: Sequence[str] = tuple(COLUMNS)) -> list[Text]:
    """The cells of a service in these columns."""
    return [COLUMNS[name](service) for name in names]


def _stands(service: Mapping[str, Any]) -> tuple[Any, ...]:
    return service["state"], service["health"], service["exit_code"]


def _uneven(service: Mapping[str, Any]) -> bool:
    """Whether the replicas of a service have different states."""
    return len({_stands(other) for other in service["replicas"]}) > 1


def _problem(service: Mapping[str, Any]) -> Text:
    """The problem of a service, or the replicas that its row describes."""
    name = service["name"]
    if _uneven(service):
        worst = [
            other["container"]
            for other in service["replicas"]
            if _stands(other) == _stands(service)
        ]
        name = f"{name} ({', '.join(worst)})"
    return Text(clean(f"{name}: {service['problem'] or state_of(service)}"), style="yellow")


def _warning(service: Mapping[str, Any], line: str) -> Text:
    """A warning in the output of a service's health check, although the check passes."""
    return Text(clean(f"{service['name']}: {line}"), style="yellow")


def facts_line(service: Mapping[str, Any]) -> Text:
    """The facts that a service reports; empty if it was not asked."""
    if service.get("facts_problem"):
        words = f"{service['name']}: facts: not available: {service['facts_problem']}"
        return Text(clean(words), style="yellow")
    words = ", ".join(f"{name} {value}" for name, value in service.get("facts", {}).items())
    return Text(clean(f"{service['name']}: {words}" if words else ""))


def _stale(service: Mapping[str, Any]) -> Text:
    words = f"{service['name']} is stale: {'; '.join(service['stale_because'])}"
    return Text(clean(words), style="yellow")
