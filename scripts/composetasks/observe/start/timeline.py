"""The last start, as recorded in its run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composetasks.facts import ServiceStart, Timeline, timestamps
from composetasks.facts.timeline import MOMENTS, RECORD
from composetasks.run.external_failures import MALFORMED
from composetasks.store.folder import read_json


def last_start(runs: Path) -> Timeline | None:
    """Return the newest start of ``up`` that is recorded in ``runs``; None if there is none."""
    for run in sorted(runs.glob("*-up"), reverse=True):
        timeline = read_start(run)
        if timeline is not None:
            return timeline
    return None


def read_start(run: Path) -> Timeline | None:
    """Return the start of one run; None if it started nothing, or its record is damaged."""
    document = read_json(run / RECORD)
    try:
        return _timeline(run, document) if document is not None else None
    except MALFORMED:
        return None


def _timeline(run: Path, document: Mapping[str, Any]) -> Timeline | None:
    began, ended = str(document["began"]), str(document["ended"])
    seconds = _since(began, ended)
    services = tuple(
        _service(name, service, began, seconds) for name, service in document["services"].items()
    )
    if not services:
        return None
    return Timeline(
        project=str(document["project"]),
        run=str(run),
        began=began,
        ended=ended,
        seconds=seconds,
        outcome=str(document["outcome"]),
        services=_in_order(services),
    )


def _service(name: str, record: Mapping[str, Any], began: str, longest: float) -> ServiceStart:
    """Return a service with its moments in order: the engine's clock may differ from ours, and a
    container that was only started was created long before."""
    times = {key: str(record[key]) for key in MOMENTS if record.get(key)}
    offsets: dict[str, float] = {}
    least = 0.0
    for key in MOMENTS:
        if key in times:
            least = offsets[key] = min(max(least, _since(began, times[key])), longest)
    every = record.get("asked_every")
    return ServiceStart(
        name=str(name),
        state=str(record["state"]),
        waited_for=tuple(map(str, record["waited_for"])),
        asked_every=float(every) if every is not None else None,
        times=times,
        **offsets,
    )


def _in_order(services: tuple[ServiceStart, ...]) -> tuple[ServiceStart, ...]:
    late = float("inf")
    return tuple(sorted(services, key=lambda one: late if one.launched is None else one.launched))


def _since(began: str, stamp: str) -> float:
    return round(float(timestamps.unix(stamp)) - float(timestamps.unix(began)), 3)
