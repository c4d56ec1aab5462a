"""How far each service of a start is, how long it may take, and what is told while it is waited
for."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from composetasks.apply.start.probe import Probe
from composetasks.facts import Step
from composetasks.plan.start.readiness import PORT_CLOSED, Expected, Phase, Readiness

DEFAULT_TIMEOUT = 300.0
"""Seconds a service may take from its start until it is up, where nobody said otherwise."""
LOOP_SECONDS = 30.0
"""How long a restart loop is given once nothing else of the start is still coming: what it needs
may only just have come up."""
LISTEN_SECONDS = 60.0
"""How long at most a port is waited for that nobody but the model's ``ports`` asks for."""
TELL_SECONDS = 3.0
"""After how long something is said of what is still waited for."""
TELL_EVERY = 30.0
TELL_CHANGE = 2.0
"""How often it is said again, and how soon where it is something else. What differs in its numbers
alone (a check that prints the time) is the same."""
NUMBER = re.compile(r"\d+")
AT_ONCE = ("failing", "unhealthy", "restarting")
"""The kinds of waiting that are told at once."""


@dataclass
class ServiceProgress:
    """How far one service is. ``tried`` is when it was first to be launched, whether or not the
    engine stayed there for it, ``started`` when its containers had been; ``given`` the seconds
    that somebody gave it, None for nobody; ``look_at`` when to look again although nothing is
    announced; ``given_up`` that its time is over, and the others go on without it; ``too_early``
    that it could not be started while one whose namespaces it shares was not up."""

    steps: list[Step]
    of: Expected
    given: float | None = None
    tried: float | None = None
    launched: float | None = None
    started: float | None = None
    containers: dict[str, str] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    phase: Phase = Phase.WAITING
    verdict: Readiness = field(default_factory=lambda: Readiness(Phase.WAITING))
    waits_for: str = ""
    look_at: float = math.inf
    restarts: dict[str, int] = field(default_factory=dict)
    up_since: float | None = None
    given_up: bool = False
    too_early: bool = False
    reported: str = ""
    reported_at: float = 0.0

    @property
    def begun(self) -> float | None:
        """Since when its time runs; the end of what it replaces is no part of that."""
        moments = (self.started, self.launched, self.tried)
        return next((moment for moment in moments if moment is not None), None)

    @property
    def coming(self) -> bool:
        """Whether it was launched and may still come up."""
        return self.launched is not None and self.phase is Phase.WAITING

    @property
    def loops(self) -> bool:
        return any(probe.loops for probe in self.probes.values())

    @property
    def hopeless(self) -> bool:
        """Whether the engine calls it unhealthy, or has to start it again and again: what can do
        without it waits no longer."""
        return self.verdict.kind == "unhealthy" or self.loops

    @property
    def lagging(self) -> str:
        """The container that is not up yet; "" for none."""
        waiting = (key for key, one in self.probes.items() if one.readiness.phase is Phase.WAITING)
        return next(waiting, "")

    @property
    def limit(self) -> float:
        """The seconds it may take. Where nobody gave it a time, a job has as long as it runs, and
        what has a health check as long as the engine itself waits for that."""
        if self.given is not None:
            return self.given
        if self.verdict.kind == "job":
            return math.inf
        return max(DEFAULT_TIMEOUT, *(probe.allowance for probe in self.probes.values()), 0.0)

    @property
    def patience(self) -> float:
        """The seconds that its port is waited for; without being asked to, what that is worth."""
        if self.of.ready == "listening":
            return math.inf
        return LISTEN_SECONDS if self.given is None else min(self.given, LISTEN_SECONDS)

    def listened_enough(self) -> bool:
        """Whether its port was waited for that long."""
        return self.begun is not None and time.monotonic() - self.begun >= self.patience

    def to_tell(self, now: float) -> str:
        """What is to be said of it now, "" for nothing."""
        due = self.tell_at()
        if now < due or self.begun is None:
            return ""
        message = self.verdict.message
        took = now - self.begun
        times = [f"for {took:.0f} s"] if self._is_reported else []
        if self.verdict.kind == PORT_CLOSED and self.patience < self.limit:
            times.append(f"at most {self.patience:.0f} s")
        self.reported, self.reported_at = message, now
        return f"{message} ({', '.join(times)})" if times else message

    def tell_at(self) -> float:
        """When something is to be said of it next."""
        if not self.coming or not self.verdict.message or self.begun is None:
            return math.inf
        if not self.reported:
            return self.begun + (0.0 if self.verdict.kind in AT_ONCE else TELL_SECONDS)
        return self.reported_at + (TELL_EVERY if self._is_reported else TELL_CHANGE)

    @property
    def _is_reported(self) -> bool:
        """Whether what it waits for is what was said last."""
        return NUMBER.sub("", self.verdict.message) == NUMBER.sub("", self.reported)


def deadlines(services: Mapping[str, ServiceProgress]) -> dict[str, float]:
    """When the time of each service that is waited for is over."""
    return {
        name: min(service.begun + service.limit, _end_of_loop(service, services))
        for name, service in services.items()
        if service.begun is not None and service.phase is Phase.WAITING
    }


def _end_of_loop(looping: ServiceProgress, services: Mapping[str, ServiceProgress]) -> float:
    """When a restart loop has had its chance; never while something else is still coming."""
    if not looping.loops or looping.given is not None or looping.of.awaited:
        return math.inf
    others = [one for one in services.values() if one is not looping]
    if any(one.coming and not one.loops for one in others):
        return math.inf
    begun = [looping.begun or 0.0, *(one.up_since or 0.0 for one in others)]
    return max(begun) + LOOP_SECONDS
