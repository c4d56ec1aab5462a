"""Warnings about health checks."""

from __future__ import annotations

from typing import Any

import pytest

from composetasks.facts import Dependency, Engine, Service, World
from composetasks.plan.start.health_lint import health_warnings
from tests.unit.worlds import model, service


def checked(name: str, **check: Any) -> Service:
    return service(name, has_healthcheck=True, config={"healthcheck": check})


def warnings(*services: Service) -> tuple[str, ...]:
    return health_warnings(
        World(model=model(*services), engine=Engine()), [s.name for s in services]
    )


@pytest.mark.parametrize(
    ("check", "tells"),
    [
        ({"test": ["CMD", "true"], "interval": "6s"}, "db (every 6s): "),
        ({"test": ["CMD", "true"]}, "db (every 30s): "),
        ({"test": ["CMD", "true"], "start_period": "5s"}, "db (every 30s): "),
        (
            {"test": ["CMD", "true"], "start_period": "1m0s", "start_interval": "20s"},
            "db (every 20s): ",
        ),
        ({"test": ["CMD-SHELL", "pg_isready -U user"], "interval": "1s"}, "-h 127.0.0.1"),
    ],
)
def test_a_check_that_can_be_better_has_one_line(check: dict[str, Any], tells: str) -> None:
    [line] = warnings(checked("db", **check))
    assert line.startswith("db")
    assert tells in line


@pytest.mark.parametrize(
    "check",
    [
        {"test": ["CMD", "true"], "interval": "5s"},
        {"test": ["CMD", "true"], "interval": "30s", "start_period": "10s"},
        {"test": ["CMD", "true"], "start_period": "1m0s", "start_interval": "500ms"},
        *(
            {"test": ["CMD-SHELL", test], "interval": "1.5s"}
            for test in (
                "pg_isready -h 127.0.0.1",
                "pg_isready -hlocalhost",
                "pg_isready -U user -qh localhost",
                "pg_isready --host=localhost",
                "PGHOST=localhost pg_isready",
                "pg_isready -d postgresql://user@localhost/db",
            )
        ),
    ],
)
def test_a_good_check_has_none(check: dict[str, Any]) -> None:
    assert warnings(checked("db", **check)) == ()


def test_services_without_a_check_share_a_line_where_others_depend_on_them() -> None:
    db = service("db", restart="always")
    cache = service("cache", restart="always")
    web = service("web", restart="always", depends_on=[Dependency("db"), Dependency("cache")])
    assert warnings(db, cache, web) == (
        "no health check, although others depend on it: db, cache",
        "no health check, so a start can't verify that it works: web",
    )


def test_a_check_of_the_image_is_one() -> None:
    db, web = service("db", restart="always"), service("web", depends_on=[Dependency("db")])
    of = World(model=model(db, web), engine=Engine(), image_checks={"db": "shop-db"})
    assert health_warnings(of, ["db", "web"]) == ()


def test_a_check_that_cannot_pass_is_told_first() -> None:
    slow, lacks = checked("db", test=["CMD", "true"], interval="6s"), service("web")
    of = World(model=model(slow, lacks), engine=Engine())
    first, second = health_warnings(of, ["db", "web"], {"web": "curl"})
    assert first.startswith("web: its health check runs curl, which the image does not have")
    assert second.startswith("db (every 6s): ")


def test_the_same_advice_for_many_is_one_line() -> None:
    many = [checked(f"s{number}", test=["CMD", "true"], interval="10s") for number in range(3)]
    [line] = warnings(*many)
    assert line.startswith(
        "s0 (every 10s), s1 (every 10s), s2 (every 10s): the health check runs so rarely"
    )


def test_jobs_need_no_check() -> None:
    job = service("job")
    done = Dependency("job", "service_completed_successfully")
    assert warnings(job, service("web", depends_on=[done])) == ()
