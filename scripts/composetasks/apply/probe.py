"""Asks the engine, and where it must the container's own ports, how a container is."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from composetasks.apply.readiness import Phase, Readiness, asked_every, judge, moment_of
from composetasks.facts import ExitCode
from composetasks.run.outside import understood

if TYPE_CHECKING:
    from docker import APIClient

SETTLE_SECONDS = 1.0
"""How long a container that nothing can be asked of must have run to count as up."""
CONNECT_SECONDS = 1.0
REMOVAL_SECONDS = 2


@dataclass(frozen=True)
class Probe:
    """How a container is: the verdict, and the engine's times and count of restarts.

    ``again`` says that nothing will announce a change: it has to be asked again soon.
    ``asked_every`` is the seconds between two health probes of its start, None without a check.
    """

    readiness: Readiness
    created: str = ""
    started: str = ""
    restarts: int = 0
    again: bool = False
    asked_every: float | None = None


@dataclass
class Seen:
    """Since when each run of a container is known, by a clock that nobody sets: that of the
    engine may be another one, or this machine's may be set back meanwhile."""

    moments: dict[tuple[str, str], float] = field(default_factory=dict)

    def seconds(self, key: str, started: str) -> float:
        """How long a container has run at least."""
        now = time.monotonic()
        told = datetime.now(timezone.utc) - moment_of(started)
        return max(told.total_seconds(), now - self.moments.setdefault((key, started), now))


def probe(
    client: APIClient,
    key: str,
    seen: Seen,
    *,
    awaited: bool,
    restarts_before: int | None,
) -> Probe:
    """Inspect a container and judge it; ``restarts_before`` None means this is the first look."""
    from docker import errors

    try:
        record: Mapping[str, Any] = client.inspect_container(key)
    except errors.NotFound:
        return Probe(Readiness(Phase.FAILED, "its container was removed meanwhile", "removed"))
    with understood("the engine's record of a container", ExitCode.NO_ENGINE):
        found = _judged(record, awaited, restarts_before)
    if found.readiness.settle and seen.seconds(key, found.started) < SETTLE_SECONDS:
        return replace(found, readiness=Readiness(Phase.WAITING, "running"), again=True)
    return found


def _judged(record: Mapping[str, Any], awaited: bool, restarts_before: int | None) -> Probe:
    restarts = int(record.get("RestartCount", 0))
    before = restarts if restarts_before is None else restarts_before
    verdict = judge(record, awaited=awaited, restarts_before=before)
    state = record.get("State") or {}
    found = Probe(
        verdict,
        str(record.get("Created", "")),
        str(state.get("StartedAt", "")),
        restarts,
        asked_every=asked_every(record),
    )
    if verdict.ask_ports:
        closed = tuple(port for port in verdict.ask_ports if not _accepts(record, port))
        if not closed:
            return replace(found, readiness=Readiness(Phase.UP, "accepting connections"))
        message = f"port {', '.join(map(str, closed))} does not accept yet"
        return replace(
            found, again=True, readiness=replace(verdict, message=message, ask_ports=closed)
        )
    return replace(found, again=True) if verdict.again else found


def removed_soon(client: APIClient, key: str) -> bool:
    """Whether a container that was just killed is being removed: that kills it first."""
    import requests
    from docker import errors

    try:
        client.wait(key, timeout=REMOVAL_SECONDS, condition="removed")
    except errors.NotFound:
        return True
    except requests.exceptions.RequestException:
        return False
    return True


def _accepts(record: Mapping[str, Any], port: int) -> bool:
    """Whether a container's own address accepts connections on ``port``; the published port
    proves nothing, for the engine's proxy accepts anyway."""
    networks = (record.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = [one["IPAddress"] for one in networks.values() if one.get("IPAddress")]
    if not addresses and (record.get("HostConfig") or {}).get("NetworkMode") == "host":
        addresses = ["127.0.0.1"]
    return any(_connects(address, port) for address in addresses)


def _connects(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False
