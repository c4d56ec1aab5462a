"""What keeps a start from completing: a service that failed, that waits for one that cannot come
up, or whose time is over, or an engine that stays away. ``start.py`` checks for these between two
looks at the containers; each becomes a failure with a diagnosis (``diagnosis.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from composetasks.apply.start.dependencies import Dependencies
from composetasks.apply.start.diagnosis import diagnose
from composetasks.apply.start.probe import removed_soon
from composetasks.apply.start.progress import DEFAULT_TIMEOUT, deadlines
from composetasks.apply.start.record import StartRecord
from composetasks.apply.tools import Tools, service_event
from composetasks.facts import Event, timestamps
from composetasks.facts.frozen import frozen
from composetasks.plan.start.causes import Case
from composetasks.plan.start.readiness import Phase, Readiness
from composetasks.run.failure import NotUp
from composetasks.run.masking import safe


@frozen
class FailedService:
    """A service that is not up: the verdict, the id of the container it is about, and when it
    failed (seconds, monotonic clock)."""

    service: str
    verdict: Readiness
    container: str
    at: float


class Failures:
    """The failures of one start. ``first`` is the service that failed first; as with Compose, the
    services that do not require it are still started. ``states_elsewhere`` are the states of the
    services that are not part of the start."""

    def __init__(self, dependencies: Dependencies, tools: Tools, record: StartRecord) -> None:
        self.dependencies, self.tools, self.record = dependencies, tools, record
        self.services = dependencies.services
        self.began = time.monotonic()
        self.first: FailedService | None = None
        self.states_elsewhere: Mapping[str, str] = {}

    def add(self, name: str, verdict: Readiness, container: str = "") -> Iterator[Event]:
        """Record that a service is not up, which fails the start. If no dependent requires it
        (``required: false``), only yield a warning."""
        progress = self.services[name]
        before, progress.phase, progress.verdict = progress.phase, Phase.FAILED, verdict
        if before is Phase.FAILED:
            return
        if self.dependencies.is_optional(name):
            self.record.failed(name)
            message = (
                f"{name} is not up ({verdict.message}); services that depend on it start without it"
            )
            yield service_event("warning", name, message)
            return
        at = time.monotonic()
        if verdict.kind == "killed" and removed_soon(self.tools.client, container):
            verdict = replace(verdict, kind="removed")
        self.first = self.first or FailedService(name, verdict, container, at)
        if self.dependencies.goes_on():
            message = f"{verdict.message}; services that do not require it are started"
            seconds = at - (progress.launched or self.began)
            yield service_event("service-state", name, message, seconds, {"state": "failed"})

    def add_overdue(self, now: float) -> Iterator[Event]:
        """Fail the services whose time is over."""
        for name, deadline in deadlines(self.services).items():
            if now >= deadline:
                progress = self.services[name]
                kind = "restart-loop" if progress.loops else "timeout"
                verdict = replace(progress.verdict, phase=Phase.FAILED, kind=kind)
                progress.given_up = True
                yield from self.add(name, verdict, progress.lagging)

    def check(self) -> None:
        """Raise the failure of the first failed service, once no other service is to be started."""
        if self.first is not None and not self.dependencies.goes_on():
            raise self.described(self.first)

    def check_stuck(self) -> None:
        """Raise the failure of a service that waits for something that cannot happen any more, for
        example the health of a container that exited."""
        if any(progress.coming for progress in self.services.values()):
            return
        for name, progress in self.services.items():
            others = self.dependencies.waits_for(name) if progress.launched is None else []
            if others:
                why = [f"{other} ({self.services[other].verdict.message})" for other in others]
                message = f"it waits for services that will not be ready: {', '.join(why)}"
                raise self._at_once(name, message, "never-started")

    def check_away(self, since: float) -> None:
        """Raise the failure of a waiting service once the engine has been away, since the moment
        ``since``, for the longest time that any service may take."""
        limits = [progress.given or DEFAULT_TIMEOUT for progress in self.services.values()]
        if time.monotonic() >= min([*deadlines(self.services).values(), since + max(limits)]):
            waiting = (n for n, p in self.services.items() if p.phase is Phase.WAITING)
            name = next(waiting, next(iter(self.services)))
            seconds = time.monotonic() - since
            message = f"the engine went away and was not back after {seconds:.1f} s"
            raise self._at_once(name, message, "engine-gone")

    def not_launched(self, name: str, why: str) -> NotUp:
        """The failure of a service that could not be started, with what Compose printed; or the
        failure of the service that failed first, if there is one."""
        if self.first is not None:
            return self.described(self.first)
        verdict = Readiness(Phase.FAILED, "could not be started", "start-failed")
        return self.described(FailedService(name, verdict, "", time.monotonic()), safe(why))

    def _at_once(self, name: str, message: str, kind: str) -> NotUp:
        verdict = Readiness(Phase.FAILED, message, kind)
        return self.described(FailedService(name, verdict, "", time.monotonic()))

    def described(self, failed: FailedService, printed: str = "") -> NotUp:
        """The failure with its diagnosis; ``printed`` is what Compose printed about it."""
        name, at = failed.service, failed.at
        progress = self.services[name]
        up_since = progress.up_since
        others = {**self.states_elsewhere, **self.dependencies.states_of_others(name)}
        order = {one: place for place, one in enumerate(self.dependencies.model.services)}
        case = Case(
            service=name,
            verdict=failed.verdict,
            containers={one: dict(other.containers) for one, other in self.services.items()},
            key=failed.container or next(iter(progress.containers), ""),
            printed=printed,
            since=float(timestamps.unix(self.record.began)) - 1,
            limit=round(min(progress.limit, at - (progress.begun or self.began)), 1),
            was_up=round(at - up_since, 1) if up_since is not None else None,
            of=progress.of,
            waiting=self.dependencies.dependents(name),
            other_states=dict(
                sorted(others.items(), key=lambda one: order.get(one[0], len(order)))
            ),
        )
        return diagnose(self.tools.client, self.tools.run_folder, case)
