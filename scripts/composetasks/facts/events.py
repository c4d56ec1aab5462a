"""What happens while a plan is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from composetasks.facts.operations import Action


@dataclass(frozen=True)
class Event:
    """Something that happened while a plan was carried out.

    ``kind`` is step-started, step-done, step-skipped, step-failed, progress, service-state,
    log, warning, result or error. ``step`` is the id of a
    step, ``action`` what that does; ``seconds`` is how long the step or service took.
    """

    kind: str
    time: str
    message: str = ""
    step: str = ""
    service: str = ""
    target: str = ""
    seconds: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    action: Action | None = None


class LogLine(NamedTuple):
    """A line that a container's program wrote. A tuple that begins with its time, so that lines
    sort by it; ``time`` is the engine's, with nine digits of a second, ``number`` the replica's.
    Bytes of ``line`` that are no UTF-8 are kept as surrogates."""

    time: str
    service: str
    number: int
    container: str
    stream: str
    line: str
