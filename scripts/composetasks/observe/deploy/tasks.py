"""A stack's tasks by node, and their logs. Without a swarm there are none."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from composetasks.facts import LogLine, SwarmTask
from composetasks.facts.timestamps import parse_time
from composetasks.observe.deploy.swarm import nodes_of, of_stack, services_of, task_name
from composetasks.observe.logs.read import LogRange, by_time
from composetasks.run.failure import TaskFailure

LIVE = ("running", "ready", "complete")
"""The desired states of tasks that are not past."""


def observe_tasks(client: Any, stack: str) -> dict[str, list[SwarmTask]]:
    """Return the current tasks of each service, or its last task if it has no current ones."""
    tasks: dict[str, list[SwarmTask]] = {}
    nodes = _nodes(client)
    for name, _, own in _services(client, stack):
        live = [task for task in own if task["DesiredState"] in LIVE]
        tasks[name] = [_task(task, name, nodes) for task in live or own[-1:]]
    return tasks


def read_logs(
    client: Any, stack: str, names: Collection[str], wanted: LogRange
) -> list[LogLine] | None:
    """Return the lines that the tasks of the services ``names`` wrote, by time; None if the swarm
    has no such service."""
    nodes = _nodes(client)
    services = [one for one in _services(client, stack) if one[0] in names]
    lines = []
    for name, identity, own in services:
        tasks = {str(task["ID"]): _task(task, name, nodes) for task in own}
        for stream in ("stdout", "stderr"):
            answer = client.service_logs(
                identity,
                details=True,
                timestamps=True,
                since=int(float(wanted.since or 0)),
                **{stream: True},
            )
            for line in b"".join(answer).decode(errors="surrogateescape").splitlines():
                time, _, rest = line.partition(" ")
                labels, _, text = rest.partition(" ")
                task = tasks.get(labels.rpartition("task.id=")[2].partition(",")[0])
                place = f"{task.name}@{task.node}" if task else f"{name}@"
                lines.append(LogLine(time, name, 1, place, stream, text))
    until = float(wanted.until) if wanted.until else None
    in_range = [one for one in lines if until is None or parse_time(one.time).timestamp() <= until]
    return sorted(in_range, key=by_time) if services else None


def _services(client: Any, stack: str) -> Iterator[tuple[str, str, list[Mapping[str, Any]]]]:
    """Yield the name, id and tasks of each service, the oldest task first."""
    from docker import errors

    with contextlib.suppress(errors.APIError):
        tasks = sorted(
            client.tasks(filters=of_stack(stack)), key=lambda task: str(task["CreatedAt"])
        )
        for name, record in services_of(client, stack).items():
            own = [task for task in tasks if task["ServiceID"] == record["ID"]]
            yield name, str(record["ID"]), own


def _nodes(client: Any) -> dict[str, str]:
    with contextlib.suppress(TaskFailure):
        return nodes_of(client)
    return {}


def _task(task: Mapping[str, Any], service: str, nodes: Mapping[str, str]) -> SwarmTask:
    status = task.get("Status") or {}
    node = str(task.get("NodeID") or "")
    return SwarmTask(
        name=task_name(task, service),
        node=nodes.get(node, ""),
        state=str(status.get("State") or ""),
        since=str(status.get("Timestamp") or ""),
        error=str(status.get("Err") or ""),
    )
