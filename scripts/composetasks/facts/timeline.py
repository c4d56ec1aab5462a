"""The timeline of a past start: when each service was created, started and ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from composetasks.facts.frozen import frozen

RECORD = "timeline.json"
"""The file in a run's folder that a start is recorded in."""
MOMENTS = ("launched", "created", "started", "failed", "ready")
"""The moments of a service in a start, in this order."""


@frozen
class ServiceStart:
    """One service of a start, in seconds since the start began: when it was launched, when its
    container was created and started, when it was ready, or when it ``failed`` and its dependents
    went on without it. None for an event that did not happen.

    ``state`` is up, done, failed, starting, or waiting (it was never launched). ``waited_for`` are
    the services it waited for, ``asked_every`` the seconds between two health probes during its
    start (None without a check). ``times`` are the same moments as RFC 3339.
    """

    name: str
    state: str
    launched: float | None = None
    created: float | None = None
    started: float | None = None
    ready: float | None = None
    waited_for: tuple[str, ...] = ()
    asked_every: float | None = None
    failed: float | None = None
    times: Mapping[str, str] = field(default_factory=dict)

    @property
    def decided(self) -> float | None:
        """When waiting for it ended, because it was ready or had failed."""
        return self.ready if self.failed is None else self.failed


@frozen
class Timeline:
    """A start: ``outcome`` is up, failed or interrupted; ``run`` is its run folder."""

    project: str
    run: str
    began: str
    ended: str
    seconds: float
    outcome: str
    services: tuple[ServiceStart, ...] = ()


@frozen
class Link:
    """A service on the critical path, and its own share of the start, in seconds."""

    service: str
    seconds: float


@frozen
class Shortening:
    """A change that would shorten a start, and by how many ``seconds`` at most."""

    service: str
    message: str
    seconds: float
