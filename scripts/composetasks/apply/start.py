"""Starts containers in dependency order and waits until they are up.

Compose makes and starts every container, service by service as what each depends on becomes
ready; we decide when that is, from the engine's events and inspect records. So a job that is done
is not run again, an unhealthy probe before the deadline is not the end, and every wait can be
explained.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from composetasks.apply.diagnosis import Trouble, diagnose
from composetasks.apply.launch import (
    EngineGone,
    NotLaunched,
    by_compose,
    culprit,
    engine_away,
    launch,
)
from composetasks.apply.probe import Probe, Seen, probe, removed_soon
from composetasks.apply.readiness import Phase, Readiness
from composetasks.apply.start_record import StartRecord
from composetasks.apply.tools import Tools
from composetasks.apply.watch import Watch
from composetasks.facts import Action, Event, Role, Step, World, role
from composetasks.facts.engine import COMPOSE
from composetasks.run import folder
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe

PORT_INTERVAL = 0.2
"""Seconds between two tries of a port; nothing announces that a program listens."""
TELLING = ("start", "die", "oom", "stop", "destroy", "pause", "unpause", "health_status")
"""The events after which a container may stand otherwise than before; without those of every
single health probe."""


@dataclass
class _Progress:
    """How far one service is. ``tried`` is when it was first to be launched, whether or not the
    engine stayed there for it."""

    steps: list[Step]
    tried: float | None = None
    launched: float | None = None
    containers: dict[str, str] = field(default_factory=dict)
    phase: Phase = Phase.WAITING
    message: str = ""
    verdict: Readiness = field(default_factory=lambda: Readiness(Phase.WAITING))
    said: str = ""
    ask_again: bool = False
    restarts: dict[str, int] = field(default_factory=dict)
    up_since: float | None = None


class Start:
    """One start of some services; :meth:`run` yields what happens."""

    def __init__(self, world: World, steps: Sequence[Step], tools: Tools) -> None:
        self.model, self.tools, self.client = (model := world.model), tools, tools.client
        self.copies = {one.id for one in world.engine.containers if one.copied}
        self.services: dict[str, _Progress] = {}
        for step in steps:
            self.services.setdefault(step.service, _Progress([])).steps.append(step)
        for name in list(self.services):
            for dependency in model.services[name].depends_on:
                if dependency.service in model.services:
                    self.services.setdefault(dependency.service, _Progress([]))
        self.began, self.since = time.monotonic(), time.time()
        self.away_since: float | None = None
        self.record = StartRecord(model.project)
        self.seen = Seen()

    def run(self) -> Iterator[Event]:
        """Launch and wait; raises TaskFailure, code 8, for the first service that can't be up.
        Whatever the end, the run folder's timeline tells how it came to it."""
        outcome, failed = "interrupted", ""
        try:
            yield from self._run()
            outcome = "up"
        except TaskFailure as failure:
            outcome, failed = "failed", str(failure.data.get("service", ""))
            raise
        finally:
            self.record.write(self.tools.run_folder, outcome, self._states(failed))

    def _run(self) -> Iterator[Event]:
        with Watch(self.client, self.model.project, TELLING) as watch:
            self._find_containers()
            for name, progress in self.services.items():
                if not by_compose(progress.steps):
                    progress.launched = time.monotonic()
                    self.record.launched(name)
            changed: set[str] | None = None
            while True:
                try:
                    yield from self._look(changed)
                    if (yield from self._launch()):
                        changed = None
                        continue
                    # What was announced meanwhile may be the end of one that was up.
                    ended = self._finished()
                    self._check_stuck()
                    changed = watch.changed(0.0 if ended else self._patience())
                    if ended and changed == set():
                        break
                    if not changed:
                        yield from self._check_deadlines()
                    if changed is None:
                        raise EngineGone
                    self.away_since = None
                except engine_away():
                    self._await_engine(watch)
                    changed = None

    def _states(self, failed: str) -> dict[str, str]:
        """How the services of this start stand, and those that one of them waited for; what was
        up already is no part of it."""
        own = {name for name, progress in self.services.items() if progress.steps}
        return {
            name: "failed"
            if name == failed
            else "waiting"
            if progress.launched is None
            else "starting"
            if progress.phase is Phase.WAITING
            else progress.phase.value
            for name, progress in self.services.items()
            if name in own or name in self.record.awaited
        }

    # --- launching --------------------------------------------------------------------------

    def _launch(self) -> Generator[Event, None, bool]:
        """Start every service whose dependencies are satisfied; returns whether there was one."""
        ready = []
        for name, progress in self.services.items():
            if progress.launched is not None:
                continue
            waits_for = self._waits_for(name)
            self.record.waits(name, waits_for)
            if not waits_for:
                ready.append(name)
            elif progress.said != (said := f"waiting for {', '.join(waits_for)}"):
                progress.said = said
                yield self._event("service-state", name, said, data={"state": "waiting"})
        if ready:
            yield from self._launch_these(ready)
        return bool(ready)

    def _launch_these(self, ready: Sequence[str]) -> Iterator[Event]:
        for name in ready:
            yield self._event("service-state", name, "starting", data={"state": "starting"})
        began = time.monotonic()
        for name in ready:
            progress = self.services[name]
            progress.launched = began
            progress.tried = progress.tried or began
            self.record.launched(name)
        try:
            self._do_steps(ready)
        except engine_away():
            for name in ready:
                self.services[name].launched = None
            raise
        self._find_containers()
        for name in ready:
            for step in self.services[name].steps:
                yield Event(
                    kind="step-done",
                    time=folder.now(),
                    step=step.id,
                    service=name,
                    target=step.target,
                    message=_done(step.action),
                    seconds=round(time.monotonic() - began, 3),
                )

    def _waits_for(self, name: str) -> list[str]:
        waits = []
        for dependency in self.model.services[name].depends_on:
            other = self.services.get(dependency.service)
            if other is None or (not dependency.required and other.phase is Phase.FAILED):
                continue
            satisfied = {
                "service_started": other.launched is not None,
                "service_healthy": other.phase is Phase.UP,
                "service_completed_successfully": other.phase is Phase.DONE,
            }.get(dependency.condition, other.launched is not None)
            if not satisfied:
                waits.append(dependency.service)
        return waits

    def _do_steps(self, names: Sequence[str]) -> None:
        """Have the containers of services started; raises the failure of one that can't be."""
        try:
            launch(self.tools, {name: self.services[name].steps for name in names})
        except NotLaunched as error:
            self._find_containers()
            containers = {name: list(self.services[name].containers) for name in error.services}
            name = culprit(self.tools, self.model, error, containers)
            verdict = Readiness(Phase.FAILED, "could not be started", "start-failed")
            said = safe(error.why)
            raise self._failure(name, self.services[name], verdict, said=said) from error

    # --- looking ----------------------------------------------------------------------------

    def _find_containers(self) -> None:
        label = f"{COMPOSE}project={self.model.project}"
        found = self.client.containers(all=True, filters={"label": [label]})
        now: dict[str, dict[str, str]] = {}
        for one in found:
            labels = one.get("Labels") or {}
            if role(labels) is Role.REPLICA and one["Id"] not in self.copies:
                of_service = now.setdefault(labels[f"{COMPOSE}service"], {})
                of_service[one["Id"]] = min(one["Names"], key=len).lstrip("/")
        for name, progress in self.services.items():
            # One that had a container and has none was robbed of it: it is looked at once more.
            progress.containers = now.get(name) or progress.containers

    def _look(self, changed: set[str] | None) -> Iterator[Event]:
        """Inspect the containers that something happened to (None: all) and judge them."""
        for name, progress in self.services.items():
            if progress.launched is None or not progress.containers:
                continue
            concerned = changed is None or bool(changed & progress.containers.keys())
            if not (concerned or progress.ask_again):
                continue
            probes = [self._probe(name, progress, key) for key in progress.containers]
            progress.ask_again = any(one.again for one in probes)
            verdicts = [one.readiness for one in probes]
            yield from self._conclude(name, progress, verdicts)

    def _probe(self, name: str, progress: _Progress, key: str) -> Probe:
        found = probe(
            self.client,
            key,
            self.seen,
            awaited=self.model.awaits_end_of(name),
            restarts_before=progress.restarts.get(key),
        )
        progress.restarts.setdefault(key, found.restarts)
        self.record.seen(name, key, found)
        return found

    def _conclude(
        self, name: str, progress: _Progress, verdicts: Sequence[Readiness]
    ) -> Iterator[Event]:
        failed = next((v for v in verdicts if v.phase is Phase.FAILED), None)
        waiting = next((v for v in verdicts if v.phase is Phase.WAITING), None)
        verdict = failed or waiting or verdicts[0]
        if failed and not (progress.phase is Phase.UP and not self.tools.wait):
            progress.phase = Phase.FAILED
            if self._required(name):
                key = list(progress.containers)[verdicts.index(failed)]
                if failed.kind == "killed" and removed_soon(self.client, key):
                    failed = replace(failed, kind="removed")
                raise self._failure(name, progress, failed, key)
            return
        before, progress.phase, progress.message = progress.phase, verdict.phase, verdict.message
        progress.verdict = verdict
        if verdict.phase in (Phase.UP, Phase.DONE) and before is not verdict.phase:
            progress.up_since = time.monotonic()
            seconds = round(time.monotonic() - (progress.launched or self.began), 3)
            self.record.ready(name)
            if progress.steps:
                yield self._event(
                    "service-state", name, verdict.message, seconds, {"state": verdict.phase.value}
                )

    def _required(self, name: str) -> bool:
        """Whether something fails with it: it has steps of its own, or is required by one."""
        return bool(self.services[name].steps) or any(
            dependency.service == name and dependency.required
            for other in self.services
            for dependency in self.model.services[other].depends_on
        )

    # --- ending -----------------------------------------------------------------------------

    def _finished(self) -> bool:
        for progress in self.services.values():
            if progress.launched is None:
                return False
            if self.tools.wait and progress.steps and progress.phase is Phase.WAITING:
                return False
        return True

    def _patience(self) -> float:
        if any(progress.ask_again for progress in self.services.values()):
            return PORT_INTERVAL
        return max(0.05, min(self._deadlines().values(), default=1.0) - time.monotonic())

    def _deadlines(self) -> dict[str, float]:
        begun = {name: one.launched or one.tried for name, one in self.services.items()}
        return {
            name: moment + self.tools.timeout_of(name)
            for name, moment in begun.items()
            if moment is not None and self.services[name].phase is Phase.WAITING
        }

    def _check_stuck(self) -> None:
        """Raise the failure of a service that waits for what can't come any more: the health
        of one that has ended, say."""
        phases = [one.phase for one in self.services.values() if one.launched is not None]
        left = [name for name, one in self.services.items() if one.launched is None]
        if Phase.WAITING in phases or not left:
            return
        told = [f"{other} ({self.services[other].message})" for other in self._waits_for(left[0])]
        message = f"it waits for what will not come: {', '.join(told)}"
        verdict = Readiness(Phase.FAILED, message, "never-started")
        raise self._failure(left[0], self.services[left[0]], verdict)

    def _check_deadlines(self) -> Iterator[Event]:
        """Raise the failure of the first service whose time is over, after one more look."""
        now = time.monotonic()
        if all(now < deadline for deadline in self._deadlines().values()):
            return
        yield from self._look(None)
        for name, deadline in self._deadlines().items():
            if now >= deadline:
                progress = self.services[name]
                verdict = replace(progress.verdict, phase=Phase.FAILED, kind="timeout")
                raise self._failure(name, progress, verdict)

    def _failure(
        self, name: str, progress: _Progress, verdict: Readiness, key: str = "", said: str = ""
    ) -> TaskFailure:
        up_since = progress.up_since
        trouble = Trouble(
            service=name,
            verdict=verdict,
            containers={one: dict(other.containers) for one, other in self.services.items()},
            key=key or next(iter(progress.containers), ""),
            said=said,
            since=self.since - 1,
            limit=self.tools.timeout_of(name),
            was_up=round(time.monotonic() - up_since, 1) if up_since is not None else None,
            awaited=self.model.awaits_end_of(name),
            waiting=self._dependents(name),
            standing=self._standing(name),
        )
        return diagnose(self.client, self.tools.run_folder, trouble)

    def _dependents(self, failed: str) -> list[str]:
        """The services that have not been started because they wait, in the end, for one."""
        found = [failed]
        for name, progress in self.services.items():
            needs = {dependency.service for dependency in self.model.services[name].depends_on}
            if progress.launched is None and not needs.isdisjoint(found):
                found.append(name)
        return found[1:]

    def _standing(self, failed: str) -> dict[str, str]:
        """How the services stand that neither failed nor wait for the one that did."""
        apart = {failed, *self._dependents(failed)}
        return {
            name: "not started"
            if progress.launched is None
            else "starting"
            if progress.phase is Phase.WAITING
            else progress.phase.value
            for name, progress in self.services.items()
            if name not in apart
        }

    def _await_engine(self, watch: Watch) -> None:
        """Wait until an engine that went away is there again, and watch on from where it went."""
        began = self.away_since = self.away_since or time.monotonic()
        limits = [self.tools.timeout_of(name) for name in self.services]
        deadline = min([*self._deadlines().values(), began + max(limits)])
        while True:
            watch.pause(PORT_INTERVAL)
            if time.monotonic() >= deadline:
                waiting = (n for n, p in self.services.items() if p.phase is Phase.WAITING)
                name = next(waiting, next(iter(self.services)))
                away_for = time.monotonic() - began
                away = f"the engine went away and was not back after {away_for:.1f} s"
                verdict = Readiness(Phase.FAILED, away, "engine-gone")
                raise self._failure(name, self.services[name], verdict)
            with contextlib.suppress(*engine_away()):
                watch.reconnect()
                self._find_containers()
                return

    def _event(
        self,
        kind: str,
        service: str,
        message: str,
        seconds: float | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Event:
        return Event(
            kind=kind,
            time=folder.now(),
            service=service,
            message=message,
            seconds=seconds,
            data=data or {},
        )


def _done(action: Action) -> str:
    return {
        Action.CREATE_CONTAINER: "created",
        Action.RECREATE_CONTAINER: "recreated",
        Action.START_CONTAINER: "started",
        Action.STOP_CONTAINER: "stopped",
    }.get(action, "")
