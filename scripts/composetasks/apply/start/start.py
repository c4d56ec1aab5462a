"""Starts containers in dependency order and waits until they are up.

Compose creates and starts every container, service by service as the dependencies become ready;
this module decides when that is, from the engine's events and inspect records. So a completed job
is not run again, an unhealthy probe before the deadline does not end the start, and every wait can
be explained.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Sequence

from composetasks.apply.start.dependencies import Dependencies
from composetasks.apply.start.failures import Failures
from composetasks.apply.start.launch import NotLaunched, culprit, launch, launches
from composetasks.apply.start.probe import FirstSeen, Probe, Waited, probe
from composetasks.apply.start.progress import ServiceProgress, deadlines
from composetasks.apply.start.record import StartRecord
from composetasks.apply.tools import Tools, event, service_event
from composetasks.facts import Action, Event, Step, World
from composetasks.facts.jobs import Ended, namespaces_of, sortable
from composetasks.observe.start.listening import Listening
from composetasks.observe.start.watch import Watch, replicas
from composetasks.plan.start.readiness import CYCLES, Phase, Readiness, expected
from composetasks.run.external_failures import EngineGone, engine_lost, engine_silent
from composetasks.run.failure import NotUp, TaskFailure
from composetasks.run.signals import Terminated

AWAY_INTERVAL = 0.2
"""Seconds between two attempts to reach an engine that is away."""
EVENTS = ("start", "die", "oom", "kill", "stop", "destroy", "pause", "unpause", "health_status")
"""The events that may change a container's state, without those of every single health probe."""
ANNOUNCED_SECONDS = 2.0
"""How long the engine's event for an observed exit is waited for."""
UNANNOUNCED_SECONDS = 10.0
"""After how many seconds a container that is waited for is inspected although no event was
announced: a broken event stream looks like one without events."""


class Start:
    """One start of some services; :meth:`run` yields its events."""

    def __init__(self, world: World, steps: Sequence[Step], tools: Tools) -> None:
        self.model, self.tools, self.client = world.model, tools, tools.client
        self.copies = {container.id for container in world.engine.containers if container.copied}
        self.services: dict[str, ServiceProgress] = {}
        for step in steps:
            self._of(step.service).steps.append(step)
        for name in list(self.services):
            for dependency in self.model.services[name].depends_on:
                if dependency.service in self.model.services:
                    self._of(dependency.service)
        self.away_since: float | None = None
        self.record = StartRecord(self.model.project)
        self.dependencies = Dependencies(self.model, self.services)
        self.failures = Failures(self.dependencies, tools, self.record)
        self.seen = FirstSeen()
        self.listening = Listening(self.client)
        self.watch = Watch(self.client, self.model.project, EVENTS)

    def _of(self, name: str) -> ServiceProgress:
        if name not in self.services:
            of = expected(self.model, name, self.tools.settings.ready.get(name, ""))
            self.services[name] = ServiceProgress([], of, self.tools.given_timeout(name))
        return self.services[name]

    def run(self) -> Iterator[Event]:
        """Launch the services and wait. Raises TaskFailure, code 8, for the first service that
        cannot be up, after all services that do not require it are launched, or when the run is
        interrupted. In every case, the timeline in the run folder is written."""
        outcome, failed = "interrupted", ""
        try:
            yield from self._run()
            outcome = "up"
        except NotUp as failure:
            outcome, failed = "failed", failure.service
            raise
        except (KeyboardInterrupt, Terminated) as error:
            first = self.failures.first
            if first is None:
                raise
            # The interrupt cancels the remaining starts; the failure is still reported.
            outcome, failed = "failed", first.service
            raise self.failures.described(first) from error
        except TaskFailure:
            outcome = "failed"
            raise
        finally:
            self.tools.remember_ends(list(self._ends()))
            self.record.write(self.tools.run_folder, outcome, self._states(failed))

    def _run(self) -> Iterator[Event]:
        with self.watch:
            self._find_containers()
            for name, progress in self.services.items():
                if not launches(progress.steps):
                    progress.launched = time.monotonic()
                    self.record.launched(name)
                if self.dependencies.is_scaled_to_zero(name):
                    progress.phase = Phase.UP
            changed: set[str] | None = None
            while True:
                try:
                    yield from self._look(changed)
                    yield from self._tell()
                    if (yield from self._launch()):
                        changed = None
                        continue
                    self.failures.check()
                    # An event announced meanwhile may be the exit of a service that was up.
                    ended = self._finished()
                    self.failures.check_stuck()
                    changed = self.watch.changed(0.0 if ended else self._patience())
                    if ended and changed == set():
                        self._await_ends()
                        break
                    if not changed:
                        yield from self._check_deadlines()
                    if changed is None:
                        raise EngineGone
                    self.away_since = None
                except engine_silent():
                    raise
                except engine_lost():
                    self._await_engine()
                    changed = None

    def _await_ends(self) -> None:
        """Wait a moment for the events that tell how completed jobs exited."""
        deadline = time.monotonic() + ANNOUNCED_SECONDS
        while time.monotonic() < deadline and any(
            self.watch.ended_by_itself(key) is None for _, key, _ in self._done()
        ):
            self.watch.changed(deadline - time.monotonic())

    def _done(self) -> Iterator[tuple[str, str, Probe]]:
        """The containers of this start that are done, as (service, id, last probe)."""
        for name, progress in self.services.items():
            for key, last_probe in progress.probes.items():
                if progress.steps and last_probe.readiness.phase is Phase.DONE:
                    yield name, key, last_probe

    def _ends(self) -> Iterator[tuple[str, Ended]]:
        """How the jobs of this start exited, with their services."""
        started = [
            sortable(last_probe.started)
            for progress in self.services.values()
            for last_probe in progress.probes.values()
        ]
        for name, key, last_probe in self._done():
            by_itself = self.watch.ended_by_itself(key)
            if by_itself is not None:
                yield name, Ended(key, sortable(last_probe.started), by_itself, max(started))

    def _states(self, failed: str) -> dict[str, str]:
        """The states of the services of this start and of those that they waited for; other
        services that were already up are left out."""
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
        """Start every service whose dependencies are satisfied; return whether there was one."""
        ready = []
        for name, progress in self.services.items():
            if progress.launched is not None:
                continue
            others = self.dependencies.waits_for(name)
            self.record.waits(name, others)
            if not others:
                ready.append(name)
            elif progress.waits_for != (message := f"waiting for {', '.join(others)}"):
                progress.waits_for = message
                yield service_event("service-state", name, message, data={"state": "waiting"})
        ready = [name for name in ready if not self.dependencies.runs_along(name, ready)]
        if ready:
            yield from self._launch_these(ready)
        return bool(ready)

    def _launch_these(self, ready: Sequence[str]) -> Iterator[Event]:
        for name in ready:
            yield service_event("service-state", name, "starting", data={"state": "starting"})
        began = time.monotonic()
        for name in ready:
            progress = self.services[name]
            progress.launched = began
            progress.tried = progress.tried or began
            self.record.launched(name)
        try:
            done = self._do_steps(ready)
        except engine_lost():
            self._not_launched(ready)
            raise
        if not done:
            self._not_launched(ready)
            return
        self._find_containers()
        for name in ready:
            # The stop of the containers that were replaced is not counted.
            self.services[name].started = time.monotonic()
            if self.model.services[name].provided:
                # A provider has no container to inspect.
                self.services[name].phase = Phase.UP
                self.record.ready(name)
            for step in self.services[name].steps:
                recreation = step.action is Action.RECREATE_CONTAINER
                if recreation and step.key in self.services[name].containers:
                    # The image that was built or pulled turned out to be the one that it runs.
                    yield event("step-done", step, "nothing changed, so it was not recreated")
                else:
                    yield event("step-done", step, _done(step.action), time.monotonic() - began)

    def _not_launched(self, names: Sequence[str]) -> None:
        for name in names:
            self.services[name].launched = None

    def _do_steps(self, names: Sequence[str]) -> bool:
        """Start the containers of services. Raises the failure of a service that cannot be started;
        returns False if a service has to be tried again later."""
        try:
            steps = {name: self.services[name].steps for name in names}
            launch(self.tools, self.model, steps)
        except NotLaunched as error:
            self._find_containers()
            containers = {name: list(self.services[name].containers) for name in error.services}
            name = culprit(self.tools, self.model, error, containers)
            if self._is_too_early(name):
                self.services[name].too_early = True
                return False
            raise self.failures.not_launched(name, error.why) from error
        return True

    def _is_too_early(self, name: str) -> bool:
        """Whether a service whose namespaces ``name`` shares may be between two restarts, when its
        namespaces cannot be joined."""
        partners = map(self.services.get, namespaces_of(self.model.services[name]))
        return any(one is not None and one.coming for one in partners)

    # --- looking ----------------------------------------------------------------------------

    def _find_containers(self) -> None:
        now = replicas(self.client, self.model.project, self.copies)
        self.failures.states_elsewhere = {
            name: _worst(container.state for container in containers.values())
            for name, containers in now.items()
            if name not in self.services
        }
        for name, progress in self.services.items():
            # If its containers are gone, somebody removed them: the old ids are inspected again.
            own = {key: one.name for key, one in now.get(name, {}).items()}
            progress.containers = own or progress.containers

    def _look(self, changed: set[str] | None) -> Iterator[Event]:
        """Inspect and judge the containers that had an event (``changed``; None means all), and
        those that are due without one."""
        now = time.monotonic()
        for name, progress in self.services.items():
            if progress.launched is None or not progress.containers:
                continue
            concerned = changed is None or bool(changed & progress.containers.keys())
            if not concerned and now < progress.look_at:
                continue
            progress.probes = {key: self._probe(name, progress, key) for key in progress.containers}
            verdicts = [one.readiness for one in progress.probes.values()]
            again = [one.again for one in verdicts if one.again is not None]
            progress.look_at = time.monotonic() + min([*again, UNANNOUNCED_SECONDS])
            yield from self._conclude(name, progress, verdicts)

    def _probe(self, name: str, progress: ServiceProgress, key: str) -> Probe:
        waited = Waited(
            seconds=time.monotonic() - (progress.launched or self.failures.began),
            restarts_before=progress.restarts.get(key),
            asked_to_end=self.watch.asked_to_end(key),
            enough=progress.listened_enough(),
        )
        last_probe = probe(self.client, key, progress.of, self.seen, waited, self.listening)
        progress.restarts.setdefault(key, last_probe.restarts)
        self.record.seen(name, key, last_probe)
        return last_probe

    def _conclude(
        self, name: str, progress: ServiceProgress, verdicts: Sequence[Readiness]
    ) -> Iterator[Event]:
        phases = {one.phase for one in verdicts}
        if progress.given_up and Phase.WAITING in phases:
            return
        if progress.verdict.kind == CYCLES and Phase.FAILED not in phases:
            return  # It is up, and keeps exiting and being started.
        failed = next((v for v in verdicts if v.phase is Phase.FAILED), None)
        waiting = next((v for v in verdicts if v.phase is Phase.WAITING), None)
        verdict = failed or waiting or verdicts[0]
        if failed and not (progress.phase is Phase.UP and not self.tools.limits.wait):
            key = list(progress.containers)[verdicts.index(failed)]
            yield from self.failures.add(name, failed, key)
            return
        before, progress.phase, progress.verdict = progress.phase, verdict.phase, verdict
        if progress.hopeless and self.dependencies.is_optional(name):
            # Its dependents continue at once, as with Compose.
            progress.given_up = True
            yield from self.failures.add(name, verdict)
            return
        if verdict.phase in (Phase.UP, Phase.DONE) and before is not verdict.phase:
            progress.up_since = time.monotonic()
            seconds = time.monotonic() - (progress.launched or self.failures.began)
            self.record.ready(name)
            if progress.steps:
                state = {"state": verdict.phase.value}
                yield service_event("service-state", name, verdict.message, seconds, state)
                for warning in dict.fromkeys(v.warning for v in verdicts if v.warning):
                    yield service_event("warning", name, f"{name} {warning}")

    def _tell(self) -> Iterator[Event]:
        """Report what is waited for: a failing health check at once, anything else after a
        while."""
        now = time.monotonic()
        for name, progress in self.services.items():
            message = progress.to_tell(now) if progress.steps else ""
            if message:
                state = {"state": "starting", "waits": progress.verdict.kind}
                yield service_event("service-state", name, message, data=state)

    # --- ending -----------------------------------------------------------------------------

    def _finished(self) -> bool:
        for progress in self.services.values():
            if progress.launched is None:
                return False
            if self.tools.limits.wait and progress.steps and progress.phase is Phase.WAITING:
                return False
        return True

    def _patience(self) -> float:
        """The seconds until something is due that no event announces."""
        moments = [
            *(one.look_at for one in self.services.values() if one.launched is not None),
            *(one.tell_at() for one in self.services.values() if one.steps),
            *deadlines(self.services).values(),
        ]
        return max(0.05, min(moments, default=1.0) - time.monotonic())

    def _check_deadlines(self) -> Iterator[Event]:
        """Fail the services whose time is over, after one more look."""
        now = time.monotonic()
        if all(now < deadline for deadline in deadlines(self.services).values()):
            return
        yield from self._look(None)
        yield from self.failures.add_overdue(now)

    def _await_engine(self) -> None:
        """Wait until an engine that went away is back, and watch on from the moment it went
        away."""
        self.away_since = self.away_since or time.monotonic()
        while True:
            self.watch.pause(AWAY_INTERVAL)
            self.failures.check_away(self.away_since)
            try:
                self.watch.reconnect()
                self._find_containers()
            except engine_silent():
                raise
            except engine_lost():
                continue
            return


def _done(action: Action) -> str:
    return {
        Action.CREATE_CONTAINER: "created",
        Action.RECREATE_CONTAINER: "recreated",
        Action.START_CONTAINER: "started",
        Action.RESTART_CONTAINER: "restarted",
        Action.STOP_CONTAINER: "stopped",
        Action.RUN_PROVIDER: "run",
    }.get(action, "")


def _worst(states: Iterable[str]) -> str:
    """The state of a service's containers in the words of a failure page."""
    state = min(states, key=lambda state: state == "running")
    return "up" if state == "running" else state
