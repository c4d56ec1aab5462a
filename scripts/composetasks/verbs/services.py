"""The services as documents: how each stands, whether it is up, where it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from composetasks.apply.start.probe import Seen, Waited, judged
from composetasks.facts import Container, Engine, Model, Service, World
from composetasks.observe.engine.inventory import inspect_container, read_containers
from composetasks.observe.engine.start_times import observe_runs
from composetasks.observe.start.listening import Listening
from composetasks.plan.start.jobs import is_done, looks_like_job
from composetasks.plan.start.readiness import Phase, expected
from composetasks.plan.start.services import containers_of
from composetasks.store import jobs
from composetasks.verbs.session import Session

WARNING = "warning: "
"""What a line of a health check begins with that tells what is amiss in spite of its passing."""
MOST_WARNINGS = 3


def service_documents(session: Session, model: Model) -> list[dict[str, Any]]:
    """The services as they are right now, after something was done."""
    engine = Engine(containers=read_containers(session.client))
    ended = jobs.load(session.kept.cache, model.project)
    runs = observe_runs(session.client, model, engine, ended)
    return documents(session, World(model, engine, ended=ended, runs=runs), {})


def documents(
    session: Session, world: World, stale: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    """How each service of the model stands; ``stale`` says why some are not what they should be."""
    listed = []
    for service in world.model.services.values():
        containers = containers_of(world, service.name)
        because = [] if not containers else list(dict.fromkeys(stale.get(service.name, ())))
        done = bool(containers) and all(is_done(world, service, one) for one in containers)
        listed.append(
            {
                **_document(session, world.model, service, containers),
                "stale": bool(because),
                "stale_because": because,
                "job": done or looks_like_job(world.model, service),
                "done": done,
            }
        )
    return listed


def _document(
    session: Session, model: Model, service: Service, containers: tuple[Container, ...]
) -> dict[str, Any]:
    """A service by the replica that says most about it, and all of its replicas."""
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
        "problem": _problem(session, model, service, shown.id, record) if shown and state else "",
        "warnings": health_warnings(state.get("Health") or {}),
        "image": shown.image if shown else service.image,
        "container": shown.name if shown else "",
        "replicas": [_replica(one) for one in containers],
        "ports": _ports(containers),
        "urls": _urls(service, containers),
    }


def _problem(
    session: Session, model: Model, service: Service, key: str, record: Mapping[str, Any]
) -> str:
    """Why a start would not call a container up, where its state does not say it; "" for nothing.
    What listens is looked at where a start would insist on it."""
    of = expected(model, service.name, session.settings.ready.get(service.name, ""))
    if of.ready != "listening":
        of = replace(of, ports=())
    found = judged(record, key, of, Seen(), Waited(restarts_before=0), Listening(session.client))
    verdict = found.readiness
    if found.loops:
        return f"restarted {found.restarts} times, and does not stay up"
    if verdict.phase is Phase.WAITING and verdict.kind in ("failing", "unhealthy", "port-closed"):
        return verdict.message if verdict.message != "unhealthy" else ""
    if verdict.phase is Phase.FAILED and verdict.kind in ("start-failed", "no-health-check"):
        return verdict.message
    return "killed for memory" if verdict.kind == "out-of-memory" else ""


def health_warnings(health: Mapping[str, Any]) -> list[str]:
    """The lines `warning: ...` that the last probe of a healthy container printed, without that
    word."""
    probes = health.get("Log") or [{}]
    if health.get("Status") != "healthy" or probes[-1].get("ExitCode") != 0:
        return []
    lines = str(probes[-1].get("Output") or "").splitlines()
    found = [line.removeprefix(WARNING) for line in lines if line.startswith(WARNING)]
    return [line.strip()[:300] for line in found][:MOST_WARNINGS]


def _replica(container: Container) -> dict[str, Any]:
    return {
        "container": container.name,
        "state": container.state,
        "health": container.health,
        "exit_code": container.exit_code,
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
