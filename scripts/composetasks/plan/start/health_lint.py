"""Warnings about health checks that slow a start down or pass too early: one line for each kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from composetasks.facts import Service, World
from composetasks.facts.model import COMPLETED
from composetasks.facts.units import seconds
from composetasks.plan.start.jobs import looks_like_job

SLOW_SECONDS = 5.0
"""Intervals up to this one hardly delay a start: the engine itself uses it within a start
period."""
DEFAULT_INTERVAL = "30s"
DEFAULT_START_INTERVAL = "5s"


def health_warnings(
    world: World, names: Iterable[str], lacking: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """What to improve in the health checks of ``names``: first checks that can't pass because of a
    missing program (``lacking``), then checks that pass before the service is up, then checks that
    run too rarely. Services without a check share a line."""
    model = world.model
    present = [model.services[name] for name in names if name in model.services]
    services = [one for one in present if not one.provided]
    missing = lacking or {}
    lines = [_lacks(one.name, missing[one.name]) for one in services if one.name in missing]
    lines += _one_line_a_kind(pair for service in services for pair in _of_one(service))
    awaited = {
        dependency.service
        for service in services
        for dependency in service.depends_on
        if dependency.condition != COMPLETED
    }
    unasked = [
        service.name
        for service in services
        if not service.has_healthcheck
        and not looks_like_job(model, service)
        and service.name not in world.image_checks
    ]
    bare = [name for name in unasked if name in awaited]
    others = [name for name in unasked if name not in awaited]
    if bare:
        lines.append(f"no health check, although others depend on it: {', '.join(bare)}")
    if others:
        lines.append(f"no health check, so a start can't verify that it works: {', '.join(others)}")
    return tuple(lines)


def _lacks(service: str, program: str) -> str:
    return (
        f"{service}: its health check runs {program}, which the image does not have: add it, or "
        "use a program that the image has"
    )


def _one_line_a_kind(pairs: Iterable[tuple[str, str]]) -> list[str]:
    who: dict[str, list[str]] = {}
    for name, advice in pairs:
        who.setdefault(advice, []).append(name)
    return [f"{', '.join(names)}: {advice}" for advice, names in who.items()]


def _of_one(service: Service) -> Iterator[tuple[str, str]]:
    """Yield what to improve in a service's check, with the service's name."""
    check = service.config.get("healthcheck") or {}
    test = check.get("test") or ()
    words = " ".join(map(str, test)) if isinstance(test, (list, tuple)) else str(test)
    if not service.has_healthcheck or not words or words == "NONE":
        return
    if re.search(r"\bpg_isready\b", words) and not _names_host(service, words):
        advice = "pg_isready without -h also passes on the temporary server of a first start"
        yield service.name, f"{advice}: add -h 127.0.0.1"
        return
    interval = _interval(check)
    if seconds(interval) > SLOW_SECONDS:
        advice = "the health check runs so rarely that a start has to wait for it"
        yield (
            f"{service.name} (every {interval})",
            f"{advice}: add start_period: 60s and start_interval: 500ms",
        )


def _interval(check: Mapping[str, Any]) -> str:
    """The interval at which a start learns of the service's health: ``start_interval``, which has
    its own default, within ``start_period``, and ``interval`` after it."""
    often = str(check.get("start_interval") or DEFAULT_START_INTERVAL)
    if seconds(str(check.get("start_period") or "0s")) > seconds(often):
        return often
    return str(check.get("interval") or DEFAULT_INTERVAL)


def _names_host(service: Service, words: str) -> bool:
    """Whether pg_isready gets a host: from an option, a connection string, or its environment."""
    environment = service.config.get("environment") or {}
    return "PGHOST" in environment or bool(re.search(r"\s-q?h|--host\b|PGHOST=|host=|://", words))
