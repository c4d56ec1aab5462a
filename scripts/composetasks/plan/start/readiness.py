"""Decide from a container's inspect record whether it is up.

It is up when its health check passes; without one, when it runs and, if the model publishes or
exposes TCP ports, listens on one of them. What `docker compose up -d --wait` accepts as up never
counts as failed: a port that stays closed is a warning, unless the settings require it. Only facts
newer than the container's own start count: until the first probe of this run, the engine still
shows the health of the previous run.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from composetasks.facts import Model
from composetasks.facts.engine import health_check
from composetasks.facts.frozen import frozen
from composetasks.facts.plain_text import lines_of
from composetasks.facts.timestamps import parse_time
from composetasks.facts.units import whole_number
from composetasks.plan.start.error_line import error_line, plain_line
from composetasks.plan.start.idle import is_idle

SETTLE_SECONDS = 1.0
"""How long a container without health check and ports must have run to count as up."""
IDLE_SETTLE_SECONDS = 0.2
"""The same for an idle container: a wrong argument, its only likely failure, ends it at once."""
RESTARTED_SETTLE_SECONDS = 3.0
"""The same for a container that its restart policy restarted during the wait."""
HEALTH_SECONDS = 1.0
"""How often the health log of an awaited container is read, to show the result of its probes."""
LOOP_RESTARTS = 3
"""The number of restarts from which on a container counts as being in a restart loop."""
MOST_NAMED = 3
"""With more open ports than this, the network namespace hardly belongs to one program."""
CYCLES = "cycles"
PORT_CLOSED = "port-closed"
ENDING_POLICIES = ("", "no", "on-failure")
"""The restart policies under which a program that exits with code 0 is not restarted."""


class Phase(enum.Enum):
    """How far a container's start has come."""

    WAITING = "waiting"
    UP = "up"
    DONE = "done"
    FAILED = "failed"


@frozen
class Expected:
    """What a service needs to be up: whether others wait for its completion, the setting
    ``stack.services.NAME.ready`` ("" if unset), the TCP ports (container side) that the model
    publishes or exposes, and those of them that it publishes."""

    awaited: bool = False
    ready: str = ""
    ports: tuple[int, ...] = ()
    published: tuple[int, ...] = ()

    @property
    def named_ports(self) -> str:
        """The ports in words; any port will do if the model names none."""
        if not self.ports:
            return "any port"
        return f"port{'s' if len(self.ports) > 1 else ''} {', '.join(map(str, self.ports))}"


@frozen
class Readiness:
    """The verdict on one container. ``kind`` names the case for the failure page. ``listens`` says
    that the container must listen on one of its ports (on any port if the model names none).
    ``settle`` is how long it must have run, ``again`` when to look again if no event announces the
    next change (seconds; None: an event does). ``warning`` is shown to the user."""

    phase: Phase
    message: str = ""
    kind: str = ""
    listens: bool = False
    settle: float = 0.0
    again: float | None = None
    warning: str = ""


def expected(model: Model, name: str, ready: str) -> Expected:
    """What a service of the model needs to be up."""
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

    ``restarts`` is how often the engine has restarted it since the wait began, ``asked_to_end``
    whether someone had the engine stop or kill its last run.
    """
    state = record.get("State") or {}
    cycles = restarts >= LOOP_RESTARTS and not state.get("ExitCode") and not of.awaited
    if state.get("Restarting") and cycles and not of.ready:
        # Compose accepts this, and nothing has failed.
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
        # No event announces a change from healthy to healthy.
        return Readiness(Phase.WAITING, "not probed yet", "starting", again=HEALTH_SECONDS / 5)
    message = "waiting for its health check" if status == "starting" else status
    kind = status
    if probes and probes[-1].get("ExitCode"):
        message = f"health check {_probe_end(probes[-1])}"
        kind = "failing" if status == "starting" else status
    return Readiness(Phase.WAITING, message, kind, again=HEALTH_SECONDS)


def probe_line(output: str) -> str:
    """The line of a failed probe's output that gives the reason, else the last line; "" without
    output. Lines that are only warnings are used if there are no others."""
    lines = [line.strip() for line in map(plain_line, lines_of(output))]
    lines = [line for line in lines if line and not line.startswith("warning: ")] or lines
    at = error_line(lines)
    return lines[at] if at is not None else next((line for line in reversed(lines) if line), "")


def _probe_end(probe: Mapping[str, Any]) -> str:
    """How a failed probe ended: its exit code and the line that gives the reason."""
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
    """The verdict on a container that should listen. ``sockets`` are the addresses and ports that
    are listened on in its network namespace (None if they can't be read). ``enough`` says that the
    wait was long enough: running then counts as up."""
    what = of.named_ports
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
    """The other open ports, in words, if they are few: the model may name the wrong port."""
    ports = sorted({port for _, port in sockets}.difference(of.ports))
    named = ", ".join(map(str, ports))
    return f" (it listens on: {named})" if 0 < len(ports) <= MOST_NAMED else ""


def _own(address: str) -> bool:
    """Whether an address is a loopback address, unreachable from outside the container."""
    return address.startswith("127.") or address == "::1"


def fresh_probes(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The health probes that are newer than the container's start, oldest first."""
    started = parse_time(str(state.get("StartedAt", "")))
    log = (state.get("Health") or {}).get("Log") or ()
    return [one for one in log if parse_time(str(one["Start"])) >= started]


def asked_every(record: Mapping[str, Any]) -> float | None:
    """The seconds between two health probes of a container that is starting, with the engine's own
    defaults; None if it has no check."""
    check = health_check(record)
    if not check:
        return None
    in_start = check.get("StartPeriod")
    nanoseconds = check.get("StartInterval" if in_start else "Interval")
    return int(nanoseconds or (5e9 if in_start else 30e9)) / 1e9


def allowance(record: Mapping[str, Any]) -> float:
    """The seconds after which the engine itself declares a container unhealthy; 0 without a check.
    A start without its own time limit waits as long, as Compose does."""
    check = health_check(record)
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
    """The verdict on exit code 0. A job is awaited by others, or exits on its own and its policy
    does not restart it; a health check or ports on it cause a warning."""
    policy = ((record.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name") or "no"
    stays = of.ready != "" or asked_to_end or policy not in ENDING_POLICIES
    if stays and not of.awaited:
        return Readiness(Phase.FAILED, "exited with code 0, but should stay up", "exited")
    warning = ""
    if state.get("OOMKilled"):
        warning = "exited with code 0, but one of its processes was OOM-killed"
    elif not of.awaited and (of.ports or health_check(record)):
        what = "a health check" if health_check(record) else "ports"
        warning = f"exited with code 0 although it has {what}: is it a job, or should it stay up?"
    return Readiness(Phase.DONE, "exited with code 0", warning=warning)


SIGNALS = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


def signal_of(code: int) -> str:
    """The signal of an exit code (the shell's convention: 128 + signal), "" for none."""
    return SIGNALS.get(code - 128, "")


def exit_meaning(code: int) -> str:
    """An exit code with what it usually means."""
    if code == 126:
        return "126 (its command can't be executed)"
    if code == 127:
        return "127 (its command was not found)"
    return f"{code} ({signal_of(code)})" if signal_of(code) else str(code)
