"""How long a service may take, and what is told meanwhile."""

from __future__ import annotations

import math
from typing import Any

from composetasks.apply.probe import Probe
from composetasks.apply.progress import (
    DEFAULT_TIMEOUT,
    LOOP_SECONDS,
    TELL_EVERY,
    TELL_SECONDS,
    Progress,
    deadlines,
)
from composetasks.apply.readiness import Expected, Phase, Readiness

WAITS = Readiness(Phase.WAITING, "starting")


def progress(verdict: Readiness = WAITS, **changes: Any) -> Progress:
    """A service that was launched at 100 s."""
    probe = {key: changes.pop(key) for key in ("allowance", "loops") if key in changes}
    fields: dict[str, Any] = {"steps": [], "of": Expected(), "launched": 100.0, **changes}
    return Progress(verdict=verdict, probes={"c1": Probe(verdict, **probe)}, **fields)


def test_a_health_check_has_as_long_as_the_engine_gives_it() -> None:
    assert deadlines({"a": progress()}) == {"a": 100.0 + DEFAULT_TIMEOUT}
    assert deadlines({"a": progress(allowance=600.0)}) == {"a": 700.0}
    assert deadlines({"a": progress(allowance=600.0, given=5.0)}) == {"a": 105.0}


def test_a_job_has_as_long_as_it_runs() -> None:
    job = Readiness(Phase.WAITING, "running to its end", "job")
    assert deadlines({"a": progress(job)}) == {"a": math.inf}
    assert deadlines({"a": progress(job, given=9.0)}) == {"a": 109.0}


def test_a_restart_loop_has_its_time_once_nothing_else_is_coming() -> None:
    loop = progress(loops=True)
    assert deadlines({"a": loop}) == {"a": 100.0 + LOOP_SECONDS}
    database = progress()
    assert deadlines({"a": loop, "db": database})["a"] == 100.0 + DEFAULT_TIMEOUT
    database.phase, database.up_since = Phase.UP, 150.0
    assert deadlines({"a": loop, "db": database}) == {"a": 150.0 + LOOP_SECONDS}
    awaited = progress(loops=True, of=Expected(awaited=True))
    assert deadlines({"a": awaited}) == {"a": 100.0 + DEFAULT_TIMEOUT}


def test_a_failing_check_is_told_at_once_and_again() -> None:
    says = Readiness(Phase.WAITING, "its health check exited with code 1: no", "unhealthy")
    db = progress(says)
    assert db.to_tell(100.5) == says.message
    assert db.to_tell(101.0) == ""
    assert db.to_tell(100.5 + TELL_EVERY) == f"{says.message} (for 10 s)"


def test_a_port_is_told_after_a_while() -> None:
    web = progress(Readiness(Phase.WAITING, "waiting for it to listen on port 80", "port-closed"))
    assert web.to_tell(100.5) == ""
    assert web.to_tell(100.0 + TELL_SECONDS) == web.verdict.message
