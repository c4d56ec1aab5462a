"""The result of a deployment: each service with its tasks, by node."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composetasks.facts.plain_text import clean
from composetasks.report.documents import result_document
from composetasks.report.text import after, aligned
from composetasks.run.masking import safe_data

if TYPE_CHECKING:
    from composetasks.facts import Plan, SwarmTask


def deployed_document(
    tasks: Mapping[str, Sequence[SwarmTask]], plan: Plan, began: float
) -> dict[str, Any]:
    """The result of a deployment; ``began`` is its beginning by the monotonic clock."""
    took = after(time.monotonic() - began, done=bool(plan.steps))
    message = (
        f"{plan.project} is deployed" if tasks else f"{plan.project} is removed from the swarm"
    )
    return result_document(
        plan.command, deployed=services_document(tasks), message=f"{message}{took}"
    )


def deployed_lines(document: Mapping[str, Any]) -> list[str]:
    """The result of a deployment as lines for people."""
    return [clean(document["message"]), *tasks_lines(document["deployed"])]


def services_document(tasks: Mapping[str, Sequence[SwarmTask]]) -> list[dict[str, Any]]:
    """The services of a swarm with their tasks."""
    services: list[dict[str, Any]] = safe_data(
        [
            {"name": name, "tasks": [dataclasses.asdict(one) for one in some]}
            for name, some in sorted(tasks.items())
        ]
    )
    return services


def tasks_lines(services: Sequence[Mapping[str, Any]]) -> list[str]:
    """The number of tasks of each service by state and node."""
    rows = [
        [service["name"], f"{count} {state}", f"on {node}" if node else "", error]
        for service in services
        for (state, node, error), count in _counted(service["tasks"]).items()
    ]
    return [f"  {clean(line)}" for line in aligned(rows)] if rows else []


def _counted(tasks: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str], int]:
    """The number of tasks by state, node and error."""
    counts: dict[tuple[str, str, str], int] = {}
    for task in tasks:
        key = (task["state"], task["node"], task["error"])
        counts[key] = counts.get(key, 0) + 1
    return counts
