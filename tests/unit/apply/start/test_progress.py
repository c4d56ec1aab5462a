"""How long a service may take, and what is told meanwhile."""

from __future__ import annotations

import math
from typing import Any

from composetasks.apply.start.dependencies import Dependencies
from composetasks.apply.start.probe import Probe
from composetasks.apply.start.progress import (
    DEFAULT_TIMEOUT,
    LOOP_SECONDS,
    TELL_EVERY,
    TELL_SECONDS,
    ServiceProgress,
    deadlines,
)
from composetasks.facts import Dependency
from composetasks.plan.start.readiness import PORT_CLOSED, Expected, Phase, Readiness
from tests.unit.worlds import model, service

WAITS = Readiness(Phase.WAITING, "starting")


def progress(verdict: Readiness = WAITS, **changes: Any) -> ServiceProgress:
    """A service that was launched at 100 s."""
    probe = {key: changes.pop(key) for key in ("allowance", "loops") if key in changes}
    fields: dict[str, Any] = {"steps": [], "of": Expected(), "launched": 100.0, **changes}
    return ServiceProgress(verdict=verdict, probes={"c1": Probe(verdict, **probe)}, **fields)


def test_a_health_check_has_as_long_as_the_engine_gives_it() -> None:
    assert deadlines({"a": progress()}) == {"a": 100.0 + DEFAULT_TIMEOUT}
    assert deadlines({"a": progress(allowance=600.0)}) == {"a": 700.0}
    assert deadlines({"a": progress(allowance=600.0, given=5.0)}) == {"a": 105.0}


def test_a_job_has_as_long_as_it_runs() -> None:
    job = Readiness(Phase.WAITING, "running to completion", "job")
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
    assert db.to_tell(100.5 + TELL_EVERY) == f"{says.message} (for 30 s)"


def test_what_differs_in_its_numbers_alone_is_no_news() -> None:
    def failing(text: str) -> Readiness:
        return Readiness(Phase.WAITING, f"its health check exited with code {text}", "failing")

    db = progress(failing("1: 12:00:01 not ready after 3 tries"))
    assert db.to_tell(100.5)
    db.verdict = failing("1: 12:00:04 not ready after 12 tries")
    assert db.to_tell(104.0) == ""
    assert db.to_tell(100.5 + TELL_EVERY) == f"{db.verdict.message} (for 30 s)"
    db.verdict = failing("1: the disk is full")
    assert db.to_tell(104.0 + TELL_EVERY) == db.verdict.message


def test_a_port_is_told_after_a_while() -> None:
    closed = Readiness(Phase.WAITING, "waiting for it to listen on port 80", PORT_CLOSED)
    web = progress(closed)
    assert web.to_tell(100.5) == ""
    assert web.to_tell(100.0 + TELL_SECONDS) == f"{closed.message} (at most 60 s)"
    again = web.to_tell(100.0 + TELL_SECONDS + TELL_EVERY)
    assert again == f"{closed.message} (for 33 s, at most 60 s)"
    # It ends as the service's own time does, or with a failure.
    assert progress(closed, given=20.0).to_tell(105.0) == closed.message
    asked = progress(closed, of=Expected(ready="listening"))
    assert asked.to_tell(105.0) == closed.message


OPTIONAL = model(
    service("db"),
    service("cache"),
    service(
        "web",
        depends_on=[
            Dependency("db", "service_healthy"),
            Dependency("cache", "service_healthy", required=False),
        ],
    ),
)


def test_what_can_be_done_without_is_waited_for_until_it_is_ill() -> None:
    up = Readiness(Phase.UP, "healthy")
    services = {
        "db": progress(up, phase=Phase.UP),
        "cache": progress(Readiness(Phase.WAITING, "x", "failing")),
        "web": progress(launched=None),
    }
    dependencies = Dependencies(OPTIONAL, services)
    assert dependencies.waits_for("web") == ["cache"]
    services["cache"].verdict = Readiness(Phase.WAITING, "x", "unhealthy")
    assert dependencies.waits_for("web") == []
    services["db"].phase = Phase.WAITING
    services["db"].verdict = services["cache"].verdict
    assert dependencies.waits_for("web") == ["db"]
    assert dependencies.is_optional("cache")
    assert not dependencies.is_optional("db")
    assert not dependencies.is_optional("web")


def test_nothing_waits_for_a_service_that_is_scaled_to_zero() -> None:
    waits = [
        Dependency("db", "service_healthy"),
        Dependency("seed", "service_completed_successfully"),
    ]
    none = {"container_names": ()}
    of = model(service("db", **none), service("seed", **none), service("web", depends_on=waits))
    services = {"db": progress(), "seed": progress(), "web": progress(launched=None)}
    assert Dependencies(of, services).waits_for("web") == []


def test_a_start_goes_on_for_what_waits_only_for_what_may_come() -> None:
    on_db = [Dependency("db", "service_healthy")]
    of = model(
        service("db"),
        service("one"),
        service("app", depends_on=on_db),
        service("page", depends_on=[Dependency("app")]),
        service("report", depends_on=[*on_db, Dependency("one", "service_completed_successfully")]),
    )
    failed = progress(Readiness(Phase.FAILED, "exited with code 4"), phase=Phase.FAILED)
    ahead = {name: progress(launched=None) for name in ("app", "page", "report")}
    services = {"db": progress(), "one": failed, **ahead}
    assert Dependencies(of, services).goes_on()
    # What is healthy keeps nobody any longer: they are launched, and nothing else can be.
    services["db"].phase = Phase.UP
    for name in ("app", "page"):
        services[name].launched = 101.0
    assert not Dependencies(of, services).goes_on()
    # A failure of the database ends it for all of them.
    services |= {name: progress(launched=None) for name in ("app", "page")}
    services["db"].phase = Phase.FAILED
    assert not Dependencies(of, services).goes_on()


def test_who_could_not_join_anothers_network_waits_until_that_is_up() -> None:
    shared = model(
        service("vpn"),
        service("app", config={"network_mode": "service:vpn"}, depends_on=[Dependency("vpn")]),
    )
    services = {"vpn": progress(), "app": progress(launched=None)}
    dependencies = Dependencies(shared, services)
    assert dependencies.waits_for("app") == []
    services["app"].too_early = True
    assert dependencies.waits_for("app") == ["vpn"]
    services["vpn"].phase = Phase.UP
    assert dependencies.waits_for("app") == []


def test_how_the_others_stand_when_one_fails() -> None:
    services = {
        "db": progress(phase=Phase.FAILED),
        "cache": progress(phase=Phase.UP),
        "web": progress(launched=None),
    }
    assert Dependencies(OPTIONAL, services).dependents("db") == ["web"]
    assert Dependencies(OPTIONAL, services).states_of_others("db") == {"cache": "up"}


def test_what_is_scaled_to_0_stands_nowhere_when_another_fails() -> None:
    of = model(service("db"), service("off", container_names=()))
    services = {"db": progress(), "off": progress()}
    assert Dependencies(of, services).states_of_others("db") == {}
