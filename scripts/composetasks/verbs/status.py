"""``status``: each service's state, health, freshness, what it takes, ports and URLs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from composetasks.apply.launch import engine_away
from composetasks.apply.watch import Watch
from composetasks.facts import Action, Container, ExitCode, Model, Service, World
from composetasks.report.documents import schema
from composetasks.run.failure import TaskFailure
from composetasks.run.signals import Terminated, last_signal
from composetasks.verbs.session import Session

if TYPE_CHECKING:
    from composetasks.observe.figures import Figures, Measuring

CHANGES = (
    *("create", "start", "die", "oom", "stop", "destroy", "rename"),
    *("pause", "unpause", "health_status"),
)
"""The events after which a service may stand otherwise than before."""
BURST_SECONDS = 0.2
"""What comes so shortly after an event is seen with it."""
LONG_SECONDS = 3600.0
RECONNECT_SECONDS = 0.2
"""Between two tries to reach an engine that went away; nothing announces its return."""


def status(session: Session, *, watch: bool = False) -> ExitCode:
    """What runs, and whether it is what the tree on disk says; with ``watch`` anew after every
    event, until it is interrupted (130, without a word)."""
    if watch:
        return _watched(session)
    look = _Look(session)
    document = look.document()
    session.reporter.result(document, [])
    session.reporter.services(document["services"])
    for line in (*(one["message"] for one in document["problems"]), *look.orphans):
        session.reporter.note(line)
    return ExitCode.OK


def _watched(session: Session) -> ExitCode:
    model = session.model()
    try:
        with Watch(session.client, model.project, CHANGES) as events:
            look, happenings = _Look(session), _Happenings(session, events)
            session.reporter.refreshed(look.document())
            while True:
                if happenings.next():
                    look = _again(session, look)
                session.reporter.refreshed(look.document())
    except (KeyboardInterrupt, Terminated) as end:
        last_signal()
        code = ExitCode.TERMINATED if isinstance(end, Terminated) else ExitCode.INTERRUPTED
        session.reporter.interrupted(session.verb, code)
        return code


class _Happenings:
    """The events of a project, waited for. A stream of them that is cut is opened again, for as
    long as an engine may take to answer."""

    def __init__(self, session: Session, events: Watch) -> None:
        self._session, self._events = session, events
        self._opened = self._away_since = time.monotonic()

    def next(self) -> bool:
        """Wait for an event and what follows it at once; False where it is merely time for new
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
        """Open the stream again. One that is cut again as soon as it is open is not back."""
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
            with contextlib.suppress(*engine_away()):
                self._events.reconnect()
                self._opened = time.monotonic()
                return


def _again(session: Session, before: _Look) -> _Look:
    """A new look; the one before where the model can't be read just now: it may be being edited."""
    try:
        return _Look(session)
    except TaskFailure as failure:
        if failure.code is not ExitCode.INVALID:
            raise
        session.reporter.note(f"{failure.message}: shown as it was before")
        return before


class _Look:
    """The services as they are at one moment; their figures are measured anew each time."""

    def __init__(self, session: Session) -> None:
        from composetasks.observe.figures import Measuring
        from composetasks.plan.faults import model_faults
        from composetasks.plan.orphans import warnings
        from composetasks.plan.services import containers_of
        from composetasks.plan.start import StartOptions, plan_start

        running = _running(session, session.model().project)
        self._measuring: Measuring = Measuring(session.client, running)
        world = session.observe()
        self._project = world.model.project
        self.orphans = tuple(warnings(world))
        plan = plan_start(world, (), StartOptions())
        stale: dict[str, list[str]] = {}
        for step in plan.steps:
            if step.action in (Action.BUILD_IMAGE, Action.RECREATE_CONTAINER, Action.RETAG_IMAGE):
                for name in step.services or (step.service,):
                    stale.setdefault(name, []).append(step.reason)
        self._services = _documents(session, world, stale)
        faults = (*model_faults(world.model, world.model.services), *world.unbuildable.values())
        self._problems = [
            {"service": one.service, "message": one.message, "hint": one.hint} for one in faults
        ]
        self._ids = {
            name: [one.id for one in containers_of(world, name) if one.running]
            for name in world.model.services
        }

    def document(self) -> dict[str, Any]:
        figures = self._measuring.figures()
        services = [{**one, **_taken(figures, self._ids[one["name"]])} for one in self._services]
        return {
            "schema": schema("status"),
            "project": self._project,
            "services": services,
            "problems": self._problems,
        }


def _running(session: Session, project: str) -> list[str]:
    from composetasks.observe.engine import read_containers

    found = read_containers(session.client)
    return [one.id for one in found if one.project == project and one.running and one.replica]


def _taken(figures: Mapping[str, Figures], ids: Sequence[str]) -> dict[str, Any]:
    """What a service's containers take together; null where that of one is not known."""
    found = [figures.get(key) for key in ids]
    memory = [one.memory if one else None for one in found]
    cpu = [one.cpu if one else None for one in found]
    return {"memory_bytes": _sum(memory), "cpu_percent": _sum(cpu)}


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    if not known or None in known:
        return None
    total = sum(one for one in known if one is not None)
    return round(total, 1)


def service_documents(session: Session, model: Model) -> list[dict[str, Any]]:
    """The services as they are right now, after something was done."""
    from composetasks.facts import Engine
    from composetasks.observe.engine import read_containers

    world = World(model, Engine(containers=read_containers(session.client)))
    return _documents(session, world, {})


def _documents(
    session: Session, world: World, stale: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    from composetasks.plan.services import containers_of, is_job

    documents = []
    for service in world.model.services.values():
        containers = containers_of(world, service.name)
        because = [] if not containers else list(dict.fromkeys(stale.get(service.name, ())))
        found = _document(session, service, containers, because)
        documents.append({**found, "job": is_job(world.model, service)})
    return documents


def _document(
    session: Session, service: Service, containers: tuple[Container, ...], because: list[str]
) -> dict[str, Any]:
    from composetasks.observe.engine import inspect_container

    shown = min(containers, key=_badness, default=None)
    record = inspect_container(session.client, shown.id) if shown else {}
    state = record.get("State") or {}
    ended = shown is not None and shown.state == "exited"
    since = state.get("FinishedAt" if ended else "StartedAt", "")
    return {
        "name": service.name,
        "state": shown.state if shown else "missing",
        "health": shown.health if shown else "",
        "since": since if str(since) > "0002" else "",
        "exit_code": shown.exit_code if shown else None,
        "restarts": int(record.get("RestartCount", 0)),
        "image": shown.image if shown else service.image,
        "stale": bool(because),
        "stale_because": because,
        "ports": _ports(containers),
        "urls": _urls(service, containers),
    }


def _badness(container: Container) -> int:
    """The replica that says most about its service: the worst."""
    if container.state != "running":
        return 0
    return {"unhealthy": 1, "starting": 2}.get(container.health, 3)


def _ports(containers: tuple[Container, ...]) -> list[str]:
    """Published ports as Docker writes them; one on every address of IPv4 and IPv6 once."""
    bindings = [binding for container in containers for binding in container.bindings]
    everywhere = [replace(one, host_ip="::") for one in bindings if one.host_ip == "0.0.0.0"]
    told = (
        f"{_host(one.host_ip or '0.0.0.0')}:{one.published}->{one.target}/{one.protocol}"
        for one in bindings
        if one not in everywhere
    )
    return list(dict.fromkeys(told))


def _urls(service: Service, containers: tuple[Container, ...]) -> list[str]:
    """Addresses of the ports whose ``app_protocol`` says what speaks there."""
    protocols = {
        int(entry["target"]): str(entry["app_protocol"])
        for entry in service.config.get("ports") or ()
        if entry.get("app_protocol")
    }
    told = (
        f"{protocols[binding.target]}://{_reachable(binding.host_ip)}:{binding.published}"
        for container in containers
        for binding in container.bindings
        if binding.target in protocols
    )
    return list(dict.fromkeys(told))


def _reachable(address: str) -> str:
    """The host of a URL for a port that is published on an address, which may be every one."""
    return _host({"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address))


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
