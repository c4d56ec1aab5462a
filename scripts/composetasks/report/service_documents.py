"""The services as documents, for ``status`` and the end of a start. (They do not import the modules
that draw pages.)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from composetasks.facts import Blocker, Container, Service, ServiceStatus
from composetasks.report.documents import schema

HTTPS = (443, 8443)


def status_document(
    project: str, services: Sequence[Mapping[str, Any]], problems: Iterable[Blocker]
) -> dict[str, Any]:
    return {
        "schema": schema("status"),
        "project": project,
        "services": list(services),
        "problems": [
            {"service": problem.service, "message": problem.message, "hint": problem.hint}
            for problem in problems
        ],
    }


def service_document(status: ServiceStatus) -> dict[str, Any]:
    """A service, described by its most informative replica, with all its replicas."""
    shown, service = status.shown, status.service
    return {
        "name": service.name,
        "state": shown.state if shown else "provided" if service.provided else "missing",
        "provider": service.provider,
        "health": shown.health if shown else "",
        "since": status.since,
        "exit_code": shown.exit_code if shown else None,
        "restarts": status.restarts,
        "problem": status.problem,
        "warnings": list(status.warnings),
        "image": shown.image if shown else service.image,
        "container": shown.name if shown else "",
        "wanted": service.replicas,
        "replicas": [_replica(one) for one in status.containers],
        "ports": _ports(status.containers),
        "forwarded": _forwarded(status.containers),
        "urls": urls(service, status.containers),
        "stale": bool(status.stale),
        "stale_because": list(status.stale),
        "job": status.job,
        "done": status.done,
        "waits_for": list(status.waits_for),
    }


def _replica(container: Container) -> dict[str, Any]:
    return {
        "container": container.name,
        "state": container.state,
        "health": container.health,
        "exit_code": container.exit_code,
    }


def _ports(containers: tuple[Container, ...]) -> list[str]:
    """Published ports in Docker's notation; a port on all IPv4 and IPv6 addresses appears once."""
    bindings = [binding for container in containers for binding in container.bindings]
    everywhere = [replace(one, host_ip="::") for one in bindings if one.host_ip == "0.0.0.0"]
    published = (
        f"{_host(binding.host_ip or '0.0.0.0')}:{binding.published}"
        f"->{binding.target}/{binding.protocol}"
        for binding in bindings
        if binding not in everywhere
    )
    return list(dict.fromkeys(published))


def _forwarded(containers: tuple[Container, ...]) -> list[str]:
    """The addresses of this machine that are forwarded to ports on the engine's host, with those
    ports; a port on all IPv4 and IPv6 addresses appears once."""
    bindings = [one for container in containers for one in container.bindings if one.forwarded]
    ipv4_last = sorted(bindings, key=lambda one: ":" not in one.host_ip)
    there = {one.forwarded: one.there for one in ipv4_last}
    return [f"{here}->{there[here]}" for here in dict.fromkeys(one.forwarded for one in bindings)]


def urls(service: Service, containers: tuple[Container, ...]) -> list[str]:
    """URLs of the ports whose ``app_protocol`` names their protocol."""
    protocols = {
        int(entry["target"]): str(entry["app_protocol"])
        for entry in service.config.get("ports") or ()
        if entry.get("app_protocol")
    }
    ports = (
        f"{protocols[binding.target]}://{binding.forwarded or binding.there}"
        for container in containers
        for binding in container.bindings
        if binding.target in protocols
    )
    return list(dict.fromkeys(ports))


def open_document(service: str, url: str, *, opened: bool) -> dict[str, Any]:
    """The URL of a service, and whether a browser was started with it."""
    return {"schema": schema("open"), "service": service, "url": url, "opened": opened}


def guessed_urls(containers: tuple[Container, ...]) -> list[str]:
    """URLs of all published TCP ports with the protocol that is usual for the port."""
    ports = (
        f"{'https' if binding.target in HTTPS else 'http'}://{binding.forwarded or binding.there}"
        for container in containers
        for binding in container.bindings
        if binding.protocol == "tcp"
    )
    return list(dict.fromkeys(ports))


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
