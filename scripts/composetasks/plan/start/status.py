"""What ``status`` shows of services: which replica represents one, which services are stale, and
the warnings of health checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from composetasks.facts import (
    BuildImage,
    Container,
    Operation,
    Plan,
    RecreateContainer,
    RetagImage,
    ServiceStatus,
)
from composetasks.facts.model import COMPLETED, HEALTHY

WARNING = "warning: "
"""The prefix of an output line in which a passing health check warns of a problem."""
MOST_WARNINGS = 3
LONGEST_WARNING = 300


def worst(containers: Iterable[Container]) -> Container | None:
    """The replica in the worst state, which represents its service."""
    return min(containers, key=_badness, default=None)


def _badness(container: Container) -> int:
    if container.state != "running":
        return 0
    return {"unhealthy": 1, "starting": 2}.get(container.health, 3)


def stale_services(start: Plan) -> dict[str, list[str]]:
    """The stale services and the reasons, derived from what a start would do."""
    stale: dict[str, list[str]] = {}
    for step in start.steps:
        if _is_stale(step.operation):
            for name in step.services:
                stale.setdefault(name, []).append(step.reason)
    return stale


def _is_stale(operation: Operation) -> bool:
    """Whether this operation of a start replaces something that is out of date."""
    if isinstance(operation, RecreateContainer):
        return operation.changed
    return isinstance(operation, BuildImage | RetagImage)


def waited_for(statuses: Iterable[ServiceStatus]) -> dict[str, tuple[str, ...]]:
    """The services that are not started yet, each with the dependencies that it waits for: those
    that are starting and not ready. A service with no such dependency is left out."""
    by_name = {one.service.name: one for one in statuses}
    waiting = {}
    for name, status in by_name.items():
        if status.shown is not None and status.shown.state != "created":
            continue
        others = (
            dependency.service
            for dependency in status.service.depends_on
            if dependency.service in by_name
            and _is_on_its_way(by_name[dependency.service], dependency.condition)
        )
        if names := tuple(others):
            waiting[name] = names
    return waiting


def _is_on_its_way(status: ServiceStatus, condition: str) -> bool:
    if status.shown is None or status.shown.state not in ("running", "restarting", "created"):
        return False
    if condition == COMPLETED:
        return not status.done
    if condition == HEALTHY:
        return status.shown.health != "healthy"
    return status.shown.state != "running"


def check_warnings(health: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines `warning: ...` that the last probe of a healthy container printed, without that
    prefix; ``health`` is the ``Health`` section of its inspect record."""
    probes = health.get("Log") or [{}]
    if health.get("Status") != "healthy" or probes[-1].get("ExitCode") != 0:
        return ()
    lines = str(probes[-1].get("Output") or "").splitlines()
    warnings = [line.removeprefix(WARNING) for line in lines if line.startswith(WARNING)]
    return tuple(line.strip()[:LONGEST_WARNING] for line in warnings)[:MOST_WARNINGS]
