"""The status of the services, after something was done or for ``status``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from composetasks.facts import Container, Engine, Model, Service, ServiceStatus, World
from composetasks.observe.engine.inventory import inspect_containers
from composetasks.observe.start.jobs import observe_runs
from composetasks.plan.start.jobs import is_done, looks_like_job
from composetasks.plan.start.status import check_warnings, waited_for, worst
from composetasks.report.service_documents import service_document
from composetasks.store import jobs
from composetasks.verbs.session import Session


def service_documents(session: Session, model: Model) -> list[dict[str, Any]]:
    """The current status of the services, after something was done."""
    engine = Engine(containers=session.engine.containers(model))
    ended = jobs.load(session.own_folder.cache, model.project)
    runs = observe_runs(session.client, model, engine, ended)
    world = World(model, engine, ended=ended, runs=runs)
    return [service_document(one) for one in service_statuses(session, world, {})]


def unchanged_documents(session: Session, world: World) -> list[dict[str, Any]]:
    """The observed status of the services when there was nothing to do: records are read from the
    engine only if its list of containers is not sufficient."""
    return [service_document(one) for one in service_statuses(session, world, {}, _left_open)]


def service_statuses(
    session: Session,
    world: World,
    stale: Mapping[str, list[str]],
    inspected: Callable[[Session, ServiceStatus], bool] = lambda _, one: bool(one.shown),
) -> list[ServiceStatus]:
    """The status of each service of the model; ``stale`` maps services to their deviations from the
    model. The engine's records of the containers are read for those that are ``inspected``."""
    listed = []
    for service in world.model.services.values():
        containers = world.replicas(service.name)
        because = stale.get(service.name, ()) if containers else ()
        done = bool(containers) and all(is_done(world, service, one) for one in containers)
        status = ServiceStatus(
            service=service,
            containers=containers,
            shown=worst(containers),
            stale=tuple(dict.fromkeys(because)),
            job=done or looks_like_job(world.model, service),
            done=done,
        )
        listed.append(status)
    waiting = waited_for(listed)
    listed = [replace(one, waits_for=waiting.get(one.service.name, ())) for one in listed]
    keys = [one.shown.id for one in listed if one.shown and inspected(session, one)]
    records = inspect_containers(session.client, keys)
    return [_looked_at(session, world.model, one, records) for one in listed]


def _left_open(session: Session, status: ServiceStatus) -> bool:
    """Whether the engine's list of containers does not determine a service's status."""
    if status.shown is None or status.done:
        return False
    runs = status.shown.state == "running" and status.shown.health in ("", "healthy")
    return not runs or session.settings.ready.get(status.service.name) == "listening"


def _looked_at(
    session: Session, model: Model, status: ServiceStatus, records: Mapping[str, Mapping[str, Any]]
) -> ServiceStatus:
    """The status, completed from the engine's record of the replica that is shown."""
    if status.shown is None:
        return status
    if status.shown.id not in records:
        return replace(status, restarts=None)
    record = records[status.shown.id]
    state = record.get("State") or {}
    since = str(state.get("FinishedAt" if status.shown.state == "exited" else "StartedAt", ""))
    return replace(
        status,
        since=since if since > "0002" else "",
        restarts=int(record.get("RestartCount", 0)),
        problem=_problem(session, model, status.service, status.shown, record) if state else "",
        warnings=check_warnings(state.get("Health") or {}),
    )


def _problem(
    session: Session,
    model: Model,
    service: Service,
    container: Container,
    record: Mapping[str, Any],
) -> str:
    """Why a start would not regard a container as up, if its state does not show it; "" if nothing
    is wrong. Ports are checked only if a start would require them."""
    from composetasks.apply.start.probe import FirstSeen, Waited, judged
    from composetasks.observe.start.listening import Listening
    from composetasks.plan.start.readiness import PORT_CLOSED, Phase, expected

    of = expected(model, service.name, session.settings.ready.get(service.name, ""))
    if of.ready != "listening":
        of = replace(of, ports=())
    probed = judged(
        record, container.id, of, FirstSeen(), Waited(restarts_before=0), Listening(session.client)
    )
    verdict = probed.readiness
    if probed.loops:
        return f"restarted {probed.restarts} times without staying up"
    if verdict.phase is Phase.WAITING and verdict.kind in ("failing", "unhealthy", PORT_CLOSED):
        return verdict.message if verdict.message != "unhealthy" else ""
    if verdict.phase is Phase.FAILED and verdict.kind in ("start-failed", "no-health-check"):
        return verdict.message
    return "OOM-killed" if verdict.kind == "out-of-memory" else ""
