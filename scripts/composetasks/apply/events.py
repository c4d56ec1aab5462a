"""The events of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from composetasks.facts import Event, Step
from composetasks.store import folder


def event(
    kind: str,
    step: Step,
    message: str = "",
    seconds: float | None = None,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """Something that happened in a step, now."""
    return Event(
        kind=kind,
        time=folder.now(),
        message=message,
        step=step.id,
        service=step.service,
        target=step.target,
        seconds=None if seconds is None else round(seconds, 3),
        data=data or {},
        action=step.action,
    )
