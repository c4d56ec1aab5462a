"""Finds out how a container is: from the engine and, if necessary, its network namespace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from composetasks.facts import ExitCode
from composetasks.facts.frozen import frozen
from composetasks.facts.timestamps import parse_time
from composetasks.plan.start.readiness import (
    LOOP_RESTARTS,
    Expected,
    Phase,
    Readiness,
    allowance,
    asked_every,
    judge,
    judge_listening,
)
from composetasks.run.external_failures import parsing

if TYPE_CHECKING:
    from docker import APIClient

REMOVAL_SECONDS = 2
PORT_INTERVAL = 0.2
PORT_INTERVAL_LATER = 1.0
"""Seconds between two looks at the listening ports, during the first seconds and later: no event
announces that a program listens."""
FIRST_SECONDS = 5.0
RAN_WELL_SECONDS = 10.0
"""A program that ran this long has started; the engine's restart policies use the same time."""

Sockets = Callable[[Mapping[str, Any]], "frozenset[tuple[str, int]] | None"]
"""Given an inspect record, returns the addresses and ports that are listened on in the container's
network namespace; None if that cannot be found out."""


@frozen
class Probe:
    """The state of a container: the verdict, and the engine's timestamps and restart count.

    ``asked_every`` is the seconds between two health probes during its start, None without a check;
    ``allowance`` is the seconds after which the engine gives up; ``loops`` says that the restart
    policy restarts it again and again.
    """

    readiness: Readiness
    created: str = ""
    started: str = ""
    restarts: int = 0
    asked_every: float | None = None
    allowance: float = 0.0
    loops: bool = False


@frozen
class Waited:
    """What is known from waiting for a container: for how long (seconds), the restart count at the
    beginning (None on the first look), whether someone had it stopped, and whether its port was
    waited for long enough."""

    seconds: float = 0.0
    restarts_before: int | None = None
    asked_to_end: bool = False
    enough: bool = False


@dataclass
class FirstSeen:
    """When each run of a container was first seen, by the monotonic clock: the engine's clock may
    differ, and this machine's may be set back."""

    moments: dict[tuple[str, str], float] = field(default_factory=dict)

    def seconds(self, key: str, started: str) -> float:
        """How many seconds a container has run at least."""
        now = time.monotonic()
        elapsed = datetime.now(timezone.utc) - parse_time(started)
        return max(elapsed.total_seconds(), now - self.moments.setdefault((key, started), now))


def probe(
    client: APIClient, key: str, of: Expected, seen: FirstSeen, waited: Waited, sockets: Sockets
) -> Probe:
    """Inspect a container and judge it."""
    from docker import errors

    try:
        record: Mapping[str, Any] = client.inspect_container(key)
    except errors.NotFound:
        return Probe(
            Readiness(Phase.FAILED, "its container was removed in the meantime", "removed")
        )
    with parsing("the engine's record of a container", ExitCode.NO_ENGINE):
        return judged(record, key, of, seen, waited, sockets)


def judged(
    record: Mapping[str, Any],
    key: str,
    of: Expected,
    seen: FirstSeen,
    waited: Waited,
    sockets: Sockets,
) -> Probe:
    """Judge a container by its inspect record and by what is known from waiting for it."""
    count = int(record.get("RestartCount", 0))
    restarts = 0 if waited.restarts_before is None else max(0, count - waited.restarts_before)
    state = record.get("State") or {}
    started = str(state.get("StartedAt", ""))
    ran = seen.seconds(key, started)
    verdict = judge(record, of, restarts=restarts, asked_to_end=waited.asked_to_end)
    if verdict.listens:
        verdict = judge_listening(verdict, of, sockets(record), enough=waited.enough)
        if verdict.listens:
            early = waited.seconds < FIRST_SECONDS
            again = PORT_INTERVAL if early else PORT_INTERVAL_LATER
            verdict = replace(verdict, again=again)
    if verdict.phase is Phase.UP and ran < verdict.settle:
        message = "running" if not restarts else "running again"
        verdict = Readiness(Phase.WAITING, message, verdict.kind, again=verdict.settle - ran)
    lasts = bool(state.get("Running")) and not state.get("Restarting") and ran >= RAN_WELL_SECONDS
    return Probe(
        verdict,
        str(record.get("Created", "")),
        started,
        count,
        asked_every=asked_every(record),
        allowance=allowance(record),
        loops=restarts >= LOOP_RESTARTS and not lasts and verdict.phase is Phase.WAITING,
    )


def removed_soon(client: APIClient, key: str) -> bool:
    """Whether a container that was just killed is being removed: removal kills it first."""
    import requests
    from docker import errors

    try:
        client.wait(key, timeout=REMOVAL_SECONDS, condition="removed")
    except errors.NotFound:
        return True
    except requests.exceptions.RequestException:
        return False
    return True
