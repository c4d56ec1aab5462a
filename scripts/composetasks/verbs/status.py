"""``status``: each service's state, health, freshness, memory and processor, ports and URLs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from composetasks.facts import Container, ExitCode, ServiceFacts
from composetasks.facts.engine import replicas_of
from composetasks.facts.service_facts import FACTS_LABEL
from composetasks.observe.start.watch import Watch
from composetasks.report.deploy import services_document, tasks_lines
from composetasks.report.service_documents import status_document
from composetasks.run.external_failures import engine_lost, engine_silent
from composetasks.run.failure import TaskFailure
from composetasks.run.signals import Terminated
from composetasks.verbs.session import Session

if TYPE_CHECKING:
    from composetasks.facts.service_facts import Declared
    from composetasks.observe.engine.resource_use import Figures
    from composetasks.observe.engine.service_facts import Questions

CHANGES = (
    *("create", "start", "die", "oom", "stop", "destroy", "rename"),
    *("pause", "unpause", "health_status"),
)
"""The events that may change a service's status."""
BURST_SECONDS = 0.2
"""Events that follow within this time are handled together."""
LONG_SECONDS = 3600.0
RECONNECT_SECONDS = 0.2
"""The pause between two attempts to reach an engine that went away; nothing announces its
return."""


def status(session: Session, *, watch: bool = False) -> ExitCode:
    """Show what runs, and whether it matches the project's files; with ``watch`` again after every
    event, until it is interrupted (code 130, without a message)."""
    if watch:
        return _watched(session)
    look = Observation(session)
    document = look.document()
    missing = all(one["state"] == "missing" for one in document["services"])
    if missing and (deployed := _deployed(session)):
        document["deployed"] = deployed
    session.reporter.result(document, tasks_lines(document.get("deployed", ())))
    if "deployed" not in document:
        session.reporter.services(document["services"])
    for line in (*(one["message"] for one in document["problems"]), *look.abandoned):
        session.reporter.note(line)
    return ExitCode.OK


def _deployed(session: Session) -> list[dict[str, Any]]:
    """The services as they run in a swarm, if the engine is a manager of a swarm with the stack."""
    from composetasks.observe.deploy.tasks import observe_tasks

    stack = session.settings.deploy.name or session.model().project
    return services_document(observe_tasks(session.client, stack))


def _watched(session: Session) -> ExitCode:
    from composetasks.observe.engine.service_facts import Questions

    model = session.model()
    try:
        with Watch(session.client, model.project, CHANGES) as events:
            look = Observation(session, Questions(session.client))
            stream = EventStream(session, events)
            if session.reporter.in_place:
                from composetasks.verbs.live_status import live_status

                return live_status(session, model, events, look, stream)
            session.reporter.refreshed(look.document())
            while True:
                if stream.next():
                    look = again(session, look)
                session.reporter.refreshed(look.document())
    except (KeyboardInterrupt, Terminated) as end:
        return session.interrupted(end)


class EventStream:
    """Waits for a project's events. If their stream breaks, it is reopened, for at most as long as
    an engine may take to answer."""

    def __init__(self, session: Session, events: Watch) -> None:
        self._session, self._events = session, events
        self._opened = self._away_since = time.monotonic()

    def next(self) -> bool:
        """Wait for an event and those that follow at once; return False if it is only time for new
        figures."""
        while True:
            idle = self._session.reporter.idle_seconds()
            changed = self._changed(LONG_SECONDS if idle is None else idle)
            if changed is None or changed:
                while changed:
                    changed = self._changed(BURST_SECONDS)
                return True
            if idle is not None:
                return False

    def _changed(self, seconds: float) -> set[str] | None:
        changed = self._events.changed(seconds)
        if changed is None:
            self._reconnect()
        elif changed:
            self._opened = 0.0
        return changed

    def _reconnect(self) -> None:
        """Reopen the stream. A stream that breaks again at once does not count as reopened."""
        patience, now = self._session.settings.engine_timeout, time.monotonic()
        if now - self._opened > patience:
            self._away_since = now
        while True:
            away = time.monotonic() - self._away_since
            if away > patience:
                raise TaskFailure(
                    f"the engine went away and was not back after {away:.1f} s",
                    code=ExitCode.NO_ENGINE,
                    hint="`docker version` shows whether it is back",
                )
            self._events.pause(RECONNECT_SECONDS)
            try:
                self._events.reconnect()
            except engine_silent():
                raise
            except engine_lost():
                continue
            self._opened = time.monotonic()
            return


def again(session: Session, before: Observation) -> Observation:
    """A new observation; the previous one if the model is invalid now: it may be being edited."""
    try:
        return Observation(session, before.questions)
    except TaskFailure as failure:
        if failure.code is not ExitCode.INVALID:
            raise
        session.reporter.note(f"{failure.message}: showing the last known state")
        return before


class Observation:
    """The services at one moment. Observations for ``--watch`` share ``questions``, and measure
    their figures each time."""

    def __init__(self, session: Session, questions: Questions | None = None) -> None:
        from composetasks.observe.engine.resource_use import RepeatedSamples, SingleSample
        from composetasks.observe.engine.service_facts import Questions
        from composetasks.plan.instances.abandoned import warnings
        from composetasks.plan.start.faults import model_faults
        from composetasks.plan.start.start import StartOptions, plan_start
        from composetasks.plan.start.status import stale_services
        from composetasks.report.service_documents import service_document
        from composetasks.verbs.services import service_statuses

        running = _running(session)
        figures = RepeatedSamples if questions else SingleSample
        self._measuring = figures(session.client, [one.id for one in running])
        self._declared = _declared(session, running)
        self.questions = questions or Questions(session.client)
        self.questions.ask(self._declared)
        world = session.observe()
        self._project = world.model.project
        self.abandoned = tuple(warnings(world))
        stale = stale_services(plan_start(world, (), StartOptions()))
        # A service that a profile activated runs on without the profile, as `docker compose ps`
        # shows.
        there = {one for one in world.model.inactive if world.replicas(one)}
        seen = replace(world, model=world.model.widened(there))
        statuses = service_statuses(session, seen, stale)
        self._services = [service_document(one) for one in statuses]
        faults = model_faults(world.model, world.model.services)
        self._problems = (*faults, *world.unbuildable.values())
        self._ids = {
            name: [one.id for one in seen.replicas(name) if one.running]
            for name in seen.model.services
        }

    def document(self) -> dict[str, Any]:
        self.questions.ask(self._declared)
        figures, answers = self._measuring.figures(), self.questions.answers()
        services = [
            {
                **service,
                **_taken(figures, self._ids[service["name"]]),
                **_facts(answers.get(service["name"])),
            }
            for service in self._services
        ]
        return status_document(self._project, services, self._problems)


def _running(session: Session) -> list[Container]:
    model = session.model()
    replicas = replicas_of(session.engine.containers(model), model.project)
    return [container for container in replicas if container.running]


def _declared(
    session: Session, running: Iterable[Container]
) -> dict[str, tuple[Container, Declared]]:
    """The services that declare facts, with the first replica that can be asked and the
    declaration: from a setting, or else from the container's label."""
    settings = session.settings.facts
    declaring: dict[str, tuple[Container, Declared]] = {}
    for container in sorted(running, key=lambda one: one.number):
        declared = settings.get(container.service) or container.labels.get(FACTS_LABEL)
        if declared and container.state == "running":
            declaring.setdefault(container.service, (container, declared))
    return declaring


def _facts(facts: ServiceFacts | None) -> dict[str, Any]:
    """The facts of a service; empty if it was not asked."""
    facts = facts or ServiceFacts()
    return {"facts": dict(facts.values), "facts_problem": facts.problem}


def _taken(figures: Mapping[str, Figures], ids: Sequence[str]) -> dict[str, Any]:
    """The resources used by a service's containers together; null if the figures of one container
    are unknown."""
    used = [figures.get(key) for key in ids]
    memory = [one.memory if one else None for one in used]
    cpu = [one.cpu if one else None for one in used]
    return {"memory_bytes": _sum(memory), "cpu_percent": _sum(cpu)}


def _sum(values: Iterable[float | None]) -> float | None:
    figures = list(values)
    if not figures or None in figures:
        return None
    total = sum(one for one in figures if one is not None)
    return round(total, 1)
