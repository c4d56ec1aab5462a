"""When a container is up, decided from what the engine says of it (its inspect record).

The rule is the contract's: its health check passes; or, without one, it runs and its own TCP
ports accept; a job is done when it ends with 0. Only facts newer than the container's own start
count: the engine keeps the health of the run before until the first probe of this one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

RESTARTS_ARE_A_LOOP = 3


class Phase(enum.Enum):
    """Where a container stands on its way."""

    WAITING = "waiting"
    UP = "up"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Readiness:
    """The verdict on one container. ``kind`` names the case for the failure page; ``ask_ports``
    are the container's own TCP ports still to be tried; ``settle`` asks to look again once it has
    run for a while; ``again`` says that nothing may announce the next change."""

    phase: Phase
    message: str = ""
    kind: str = ""
    ask_ports: tuple[int, ...] = ()
    settle: bool = False
    again: bool = False


def judge(record: Mapping[str, Any], *, awaited: bool, restarts_before: int = 0) -> Readiness:
    """The readiness of a container by its inspect ``record``.

    ``awaited`` says that others wait for its completion; ``restarts_before`` is the engine's count
    when the waiting began.
    """
    state = record.get("State") or {}
    restarts = int(record.get("RestartCount", 0)) - restarts_before
    if restarts >= RESTARTS_ARE_A_LOOP:
        code = state.get("ExitCode")
        return Readiness(
            Phase.FAILED, f"restarted {restarts} times, last ended with {code}", "restart-loop"
        )
    if state.get("Restarting"):
        return Readiness(Phase.WAITING, f"restarting, last ended with {state.get('ExitCode')}")
    if state.get("Running"):
        if awaited:
            return Readiness(Phase.WAITING, "running to its end")
        return _running(record, state)
    if state.get("Status") == "created":
        if state.get("Error"):
            return Readiness(Phase.FAILED, str(state["Error"]), "start-failed")
        return Readiness(Phase.WAITING, "created")
    return _ended(record, state, awaited)


def _running(record: Mapping[str, Any], state: Mapping[str, Any]) -> Readiness:
    if state.get("Paused"):
        return Readiness(Phase.WAITING, "paused")
    health = state.get("Health")
    if health:
        if health.get("Status") == "healthy":
            if fresh_probes(state):
                return Readiness(Phase.UP, "healthy")
            # From healthy to healthy there is no event.
            return Readiness(Phase.WAITING, "not asked yet", "unhealthy", again=True)
        return Readiness(Phase.WAITING, str(health.get("Status")), "unhealthy")
    ports = tcp_ports(record)
    if ports:
        return Readiness(
            Phase.WAITING, "its port does not accept yet", "port-closed", ask_ports=ports
        )
    return Readiness(Phase.UP, "running", settle=True)


def fresh_probes(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The health probes that are newer than the container's start, oldest first."""
    started = moment_of(str(state.get("StartedAt", "")))
    log = (state.get("Health") or {}).get("Log") or ()
    return [one for one in log if moment_of(str(one["Start"])) >= started]


def asked_every(record: Mapping[str, Any]) -> float | None:
    """The seconds between two health probes of a container that is starting, as the engine takes
    them (its own defaults included); None where it has no check."""
    check = (record.get("Config") or {}).get("Healthcheck") or {}
    if (check.get("Test") or ["NONE"])[0] == "NONE":
        return None
    in_start = check.get("StartPeriod")
    nanoseconds = check.get("StartInterval" if in_start else "Interval")
    return int(nanoseconds or (5e9 if in_start else 30e9)) / 1e9


def moment_of(stamp: str) -> datetime:
    """An engine's time. It has nine digits of a second; a probe's is in the engine's own zone."""
    digits, zone = stamp[:26], "+00:00"
    if "T" not in stamp:
        return datetime.min.replace(tzinfo=timezone.utc)
    if stamp[-6:-5] in ("+", "-"):
        digits, zone = stamp[:-6][:26], stamp[-6:]
    whole, _, part = digits.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{part.ljust(6, '0')}{zone}")


def tcp_ports(record: Mapping[str, Any]) -> tuple[int, ...]:
    """The TCP ports a container exposes or publishes, its own side."""
    exposed = (record.get("Config") or {}).get("ExposedPorts") or {}
    published = (record.get("HostConfig") or {}).get("PortBindings") or {}
    names = {*exposed, *published}
    return tuple(sorted(int(name.split("/")[0]) for name in names if name.endswith("/tcp")))


def is_job_record(record: Mapping[str, Any]) -> bool:
    """Whether a container that ended with 0 may simply be done: no health check, no ports, no
    restart policy."""
    policy = ((record.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name") or "no"
    check = ((record.get("Config") or {}).get("Healthcheck") or {}).get("Test") or ["NONE"]
    return policy == "no" and check[0] == "NONE" and not tcp_ports(record)


def _ended(record: Mapping[str, Any], state: Mapping[str, Any], awaited: bool) -> Readiness:
    code = int(state.get("ExitCode", 0))
    if state.get("OOMKilled"):
        return Readiness(Phase.FAILED, "killed: it used more memory than it may", "out-of-memory")
    if state.get("Error"):
        return Readiness(Phase.FAILED, str(state["Error"]), "start-failed")
    if code == 0 and (awaited or is_job_record(record)):
        return Readiness(Phase.DONE, "ended with 0")
    if code == 0:
        return Readiness(Phase.FAILED, "ended with 0 although it should stay up", "exited")
    kind = "killed" if signal_of(code) == "SIGKILL" else "exited"
    return Readiness(Phase.FAILED, f"ended with {exit_meaning(code)}", kind)


SIGNALS = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


def signal_of(code: int) -> str:
    """The signal an exit code stands for (the shell's convention: 128 + signal), "" for none."""
    return SIGNALS.get(code - 128, "")


def exit_meaning(code: int) -> str:
    """An exit code with what it usually means."""
    if code == 126:
        return "126 (its command can't be executed)"
    if code == 127:
        return "127 (its command was not found)"
    return f"{code} (ended by {signal_of(code)})" if signal_of(code) else str(code)
