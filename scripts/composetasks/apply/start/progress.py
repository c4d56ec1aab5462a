"""The progress of each service of a start: its state, how long it may take, and what is reported
while it is waited for."""

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
"""Seconds a service may take from its start until it is up, if no time is given for it."""
LOOP_SECONDS = 30.0
"""Seconds that a restart loop is given once no other service of the start is still coming up: what
it needs may only just have become ready."""
LISTEN_SECONDS = 60.0
"""Seconds that a port is waited for at most if only ``ports`` of the model names it."""
TELL_SECONDS = 3.0
"""Seconds after which a service that is still waited for is reported."""
TELL_EVERY = 30.0
TELL_CHANGE = 2.0
"""Seconds until it is reported again (``TELL_EVERY``), and if the message changed
(``TELL_CHANGE``). Messages that differ only in numbers (a check that prints the time) count as the
same."""
NUMBER = re.compile(r"\d+")
AT_ONCE = ("failing", "unhealthy", "restarting")
"""The kinds of waiting that are reported immediately."""


@dataclass
class ServiceProgress:
    """The progress of one service. ``tried`` is when it was first to be launched, even if the
    engine went away then; ``started`` is when its containers had been started; ``given`` are the
    seconds configured for it, None if there are none; ``look_at`` is when to inspect it although no
    event was announced; ``given_up``: its time is over, and the others continue without it;
    ``too_early``: it could not be started because a service whose namespaces it shares was not
    up."""

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
        """Since when its time runs; the stop of the containers it replaces does not count."""
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
        """Whether the engine reports it unhealthy or restarts it again and again: services that do
        not require it stop waiting."""
        return self.verdict.kind == "unhealthy" or self.loops

    @property
    def lagging(self) -> str:
        """The container that is not up yet; "" if there is none."""
        waiting = (key for key, one in self.probes.items() if one.readiness.phase is Phase.WAITING)
        return next(waiting, "")

    @property
    def limit(self) -> float:
        """The seconds it may take. If none are given, a job has no limit, and a service with a
        health check has as long as the engine itself waits for the check."""
        if self.given is not None:
            return self.given
        if self.verdict.kind == "job":
            return math.inf
        return max(DEFAULT_TIMEOUT, *(probe.allowance for probe in self.probes.values()), 0.0)

    @property
    def patience(self) -> float:
        """The seconds that its port is waited for: unlimited only if the settings ask for it."""
        if self.of.ready == "listening":
            return math.inf
        return LISTEN_SECONDS if self.given is None else min(self.given, LISTEN_SECONDS)

    def listened_enough(self) -> bool:
        """Whether its port was waited for that long."""
        return self.begun is not None and time.monotonic() - self.begun >= self.patience

    def to_tell(self, now: float) -> str:
        """The message to report about it now, "" if there is none."""
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
        """When it is to be reported next."""
        if not self.coming or not self.verdict.message or self.begun is None:
            return math.inf
        if not self.reported:
            return self.begun + (0.0 if self.verdict.kind in AT_ONCE else TELL_SECONDS)
        return self.reported_at + (TELL_EVERY if self._is_reported else TELL_CHANGE)

    @property
    def _is_reported(self) -> bool:
        """Whether its current message was already reported."""
        return NUMBER.sub("", self.verdict.message) == NUMBER.sub("", self.reported)


def deadlines(services: Mapping[str, ServiceProgress]) -> dict[str, float]:
    """When the time of each service that is waited for ends."""
    return {
        name: min(service.begun + service.limit, _end_of_loop(service, services))
        for name, service in services.items()
        if service.begun is not None and service.phase is Phase.WAITING
    }


def _end_of_loop(looping: ServiceProgress, services: Mapping[str, ServiceProgress]) -> float:
    """When a restart loop is given up; never while another service is still coming up."""
    if not looping.loops or looping.given is not None or looping.of.awaited:
        return math.inf
    others = [one for one in services.values() if one is not looping]
    if any(one.coming and not one.loops for one in others):
        return math.inf
    begun = [looping.begun or 0.0, *(one.up_since or 0.0 for one in others)]
    return max(begun) + LOOP_SECONDS
