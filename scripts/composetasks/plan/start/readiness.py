"""When a container is up, decided from what the engine says of it (its inspect record).

The rule is the contract's: its health check passes; or, without one, it runs, and where the model
publishes or exposes TCP ports one of them is listened on. What `docker compose up -d --wait` takes
for up is never taken for failed: a port that stays closed is a warning, unless the settings ask
for it. Only facts newer than the container's own start count: the engine keeps the health of the
run before until the first probe of this one.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from composetasks.facts import Model
from composetasks.facts.frozen import frozen
from composetasks.facts.plain_text import lines_of
from composetasks.facts.timestamps import parse_time
from composetasks.facts.units import whole_number
from composetasks.plan.start.error_line import error_line, plain_line
from composetasks.plan.start.idle import is_idle

SETTLE_SECONDS = 1.0
"""How long a container that nothing can be asked of must have run to count as up."""
IDLE_SETTLE_SECONDS = 0.2
"""The same for one that is idle: what keeps it from going on, a wrong argument, ends it at once."""
RESTARTED_SETTLE_SECONDS = 3.0
"""The same for one that its restart policy had to start again meanwhile."""
HEALTH_SECONDS = 1.0
"""How often the health log of a container that is waited for is read, to say what it says."""
LOOP_RESTARTS = 3
"""Restarts from which on a program that does not last is taken to loop."""
MOST_NAMED = 3
"""Open ports above which the network namespace is hardly that of one program."""
CYCLES = "cycles"
PORT_CLOSED = "port-closed"
ENDING_POLICIES = ("", "no", "on-failure")
"""The restart policies under which a program that exits with code 0 is done."""


class Phase(enum.Enum):
    """Where a container stands on its way."""

    WAITING = "waiting"
    UP = "up"
    DONE = "done"
    FAILED = "failed"


@frozen
class Expected:
    """What makes a service up: whether others wait for its completion, the setting
    ``stack.services.NAME.ready`` ("" for none), and the TCP ports that the model publishes or
    exposes (its own side), and those of them that it publishes."""

    awaited: bool = False
    ready: str = ""
    ports: tuple[int, ...] = ()
    published: tuple[int, ...] = ()


@frozen
class Readiness:
    """The verdict on one container. ``kind`` names the case for the failure page; ``listens``
    says that one of its ports must be listened on (any, where it has none); ``settle`` is how long
    it must have run, ``again`` after how long to look again where nothing announces the next
    change (seconds; None: an event does). ``warning`` is worth telling."""

    phase: Phase
    message: str = ""
    kind: str = ""
    listens: bool = False
    settle: float = 0.0
    again: float | None = None
    warning: str = ""


def expected(model: Model, name: str, ready: str = "") -> Expected:
    """What makes a service of the model up."""
    service = model.services[name]
    published = tuple(port.target for port in service.ports if port.protocol == "tcp")
    exposed = (port for one in service.config.get("expose") or () for port in _exposed(str(one)))
    ports = tuple(sorted({*published, *exposed}))
    return Expected(model.awaits_end_of(name), ready, ports, published)


def _exposed(entry: str) -> range:
    """The TCP ports of an entry of ``expose``: ``80``, ``80-82``, ``53/udp``."""
    numbers, _, protocol = entry.partition("/")
    begin, _, end = numbers.partition("-")
    first, last = whole_number(begin), whole_number(end or begin)
    if protocol not in ("", "tcp") or first is None or last is None:
        return range(0)
    return range(first, last + 1)


def judge(
    record: Mapping[str, Any],
    of: Expected,
    *,
    restarts: int = 0,
    asked_to_end: bool = False,
) -> Readiness:
    """The readiness of a container by its inspect ``record``.

    ``restarts`` is how often the engine has started it again since the waiting began,
    ``asked_to_end`` whether someone had the engine stop or kill its last run.
    """
    state = record.get("State") or {}
    cycles = restarts >= LOOP_RESTARTS and not state.get("ExitCode") and not of.awaited
    if state.get("Restarting") and cycles and not of.ready:
        # Compose is content with it, and nothing has failed.
        warning = "exits with code 0 and is restarted by its restart policy, over and over"
        return Readiness(Phase.UP, "exits and is restarted", CYCLES, warning=warning)
    if state.get("Restarting"):
        times = f"restarted {restarts} times" if restarts > 1 else "restarting"
        message = f"{times}, last exited with code {state.get('ExitCode')}"
        return Readiness(Phase.WAITING, message, "restarting")
    if state.get("Running"):
        if of.awaited:
            return Readiness(Phase.WAITING, "running to completion", "job")
        return _running(record, state, of, restarts)
    if state.get("Status") == "created":
        if state.get("Error"):
            return Readiness(Phase.FAILED, str(state["Error"]), "start-failed")
        return Readiness(Phase.WAITING, "created")
    return _ended(record, state, of, asked_to_end)


def _running(
    record: Mapping[str, Any], state: Mapping[str, Any], of: Expected, restarts: int
) -> Readiness:
    if state.get("Paused"):
        return Readiness(Phase.WAITING, "paused")
    health = state.get("Health")
    idle = is_idle(record)
    settle = IDLE_SETTLE_SECONDS if idle else SETTLE_SECONDS
    settle = RESTARTED_SETTLE_SECONDS if restarts else settle
    if of.ready == "healthy" and not health:
        return Readiness(
            Phase.FAILED,
            "no health check, but `ready: healthy` in its settings requires one",
            "no-health-check",
        )
    if of.ready in ("", "healthy") and health:
        return _health(state, str(health.get("Status")))
    if of.ready == "listening" or (of.ready == "" and of.ports and not idle):
        return Readiness(Phase.WAITING, "running", PORT_CLOSED, listens=True, settle=settle)
    return Readiness(Phase.UP, "running", settle=settle)


def _health(state: Mapping[str, Any], status: str) -> Readiness:
    probes = fresh_probes(state)
    if status == "healthy" and probes:
        return Readiness(Phase.UP, "healthy")
    if status == "healthy":
        # From healthy to healthy there is no event.
        return Readiness(Phase.WAITING, "not probed yet", "starting", again=HEALTH_SECONDS / 5)
    message = "waiting for its health check" if status == "starting" else status
    kind = status
    if probes and probes[-1].get("ExitCode"):
        message = f"health check {_probe_end(probes[-1])}"
        kind = "failing" if status == "starting" else status
    return Readiness(Phase.WAITING, message, kind, again=HEALTH_SECONDS)


def probe_line(output: str) -> str:
    """The line of a failed probe's output that tells why, or the last one; "" where it said
    nothing. What it only warns of is no reason."""
    lines = [line.strip() for line in map(plain_line, lines_of(output))]
    lines = [line for line in lines if line and not line.startswith("warning: ")] or lines
    at = error_line(lines)
    return lines[at] if at is not None else next((line for line in reversed(lines) if line), "")


def _probe_end(probe: Mapping[str, Any]) -> str:
    """How a failed probe ended: its code, and the line that tells why."""
    output = probe_line(str(probe.get("Output", "")))
    if output.startswith("Health check exceeded timeout"):
        return f"timed out{output.removeprefix('Health check exceeded timeout')}"
    return f"exited with code {probe.get('ExitCode')}{output and ': '}{output}"


def judge_listening(
    verdict: Readiness,
    of: Expected,
    sockets: Collection[tuple[str, int]] | None,
    *,
    enough: bool = False,
) -> Readiness:
    """The verdict on a container that should listen, by the addresses and ports that are listened
    on in its network namespace (None where nobody can be asked). With ``enough`` it was waited
    for long enough, and running must do."""
    named = f"port{'s' if len(of.ports) > 1 else ''} {', '.join(map(str, of.ports))}"
    what = named if of.ports else "any port"
    if sockets is None:
        warning = f"running; whether it listens on {what} can't be checked from here"
        return replace(verdict, phase=Phase.UP, message="running", listens=False, warning=warning)
    hits = {port for _, port in sockets if not of.ports or port in of.ports}
    if hits:
        inside = hits.intersection(of.published) - {port for at, port in sockets if not _own(at)}
        warning = ""
        if inside:
            warning = f"listens on port {min(inside)} only on 127.0.0.1 inside the container: "
            warning += "its published port can't reach it"
        return Readiness(Phase.UP, f"listening on port {min(hits)}", warning=warning)
    others = _others_open(of, sockets)
    if enough:
        warning = (
            f"running, but not listening on {what}{others}; set `ready: listening` in its "
            "settings for a start to wait until it listens, or `ready: running` not to wait"
        )
        return Readiness(Phase.UP, f"running, not listening on {what}{others}", warning=warning)
    return replace(verdict, message=f"waiting for it to listen on {what}{others}")


def _others_open(of: Expected, sockets: Collection[tuple[str, int]]) -> str:
    """The few other ports that are open there, in words: the model may name the wrong one."""
    ports = sorted({port for _, port in sockets}.difference(of.ports))
    named = ", ".join(map(str, ports))
    return f" (it listens on: {named})" if 0 < len(ports) <= MOST_NAMED else ""


def _own(address: str) -> bool:
    """Whether an address is the container's own, which nobody outside reaches."""
    return address.startswith("127.") or address == "::1"


def fresh_probes(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The health probes that are newer than the container's start, oldest first."""
    started = parse_time(str(state.get("StartedAt", "")))
    log = (state.get("Health") or {}).get("Log") or ()
    return [one for one in log if parse_time(str(one["Start"])) >= started]


def _check(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A container's health check; empty where it has none."""
    check: Mapping[str, Any] = (record.get("Config") or {}).get("Healthcheck") or {}
    return check if (check.get("Test") or ["NONE"])[0] != "NONE" else {}


def asked_every(record: Mapping[str, Any]) -> float | None:
    """The seconds between two health probes of a container that is starting, as the engine takes
    them (its own defaults included); None where it has no check."""
    check = _check(record)
    if not check:
        return None
    in_start = check.get("StartPeriod")
    nanoseconds = check.get("StartInterval" if in_start else "Interval")
    return int(nanoseconds or (5e9 if in_start else 30e9)) / 1e9


def allowance(record: Mapping[str, Any]) -> float:
    """The seconds after which the engine itself gives a container up as unhealthy; 0 without a
    check. A start that was given no time of its own waits as long, as Compose does."""
    check = _check(record)
    if not check:
        return 0.0
    each = int(check.get("Interval") or 30e9) + int(check.get("Timeout") or 30e9)
    return (int(check.get("StartPeriod") or 0) + int(check.get("Retries") or 3) * each) / 1e9


def _ended(
    record: Mapping[str, Any], state: Mapping[str, Any], of: Expected, asked_to_end: bool
) -> Readiness:
    code = int(state.get("ExitCode", 0))
    if state.get("Error"):
        return Readiness(Phase.FAILED, str(state["Error"]), "start-failed")
    if code == 0:
        return _ended_well(record, state, of, asked_to_end)
    if state.get("OOMKilled"):
        return Readiness(Phase.FAILED, "OOM-killed: it reached its memory limit", "out-of-memory")
    kind = "killed" if signal_of(code) == "SIGKILL" else "exited"
    return Readiness(Phase.FAILED, f"exited with code {exit_meaning(code)}", kind)


def _ended_well(
    record: Mapping[str, Any], state: Mapping[str, Any], of: Expected, asked_to_end: bool
) -> Readiness:
    """The verdict on exit code 0. A job is what others wait for, or what ends by itself where its
    restart policy lets it; one that declares what a server has is told about."""
    policy = ((record.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name") or "no"
    stays = of.ready != "" or asked_to_end or policy not in ENDING_POLICIES
    if stays and not of.awaited:
        return Readiness(Phase.FAILED, "exited with code 0, but should stay up", "exited")
    warning = ""
    if state.get("OOMKilled"):
        warning = "exited with code 0, but one of its processes was OOM-killed"
    elif not of.awaited and (of.ports or _check(record)):
        what = "a health check" if _check(record) else "ports"
        warning = f"exited with code 0 although it has {what}: is it a job, or should it stay up?"
    return Readiness(Phase.DONE, "exited with code 0", warning=warning)


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
    return f"{code} ({signal_of(code)})" if signal_of(code) else str(code)
