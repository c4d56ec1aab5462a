"""Which programs a health check can't do without: only what its words tell for sure."""

from __future__ import annotations

from typing import Any

import pytest

from composetasks.plan.start.health_programs import programs
from tests.unit.worlds import service

SH = "/bin/sh"


def of(test: Any) -> tuple[str, ...]:
    return programs(service("web", has_healthcheck=True, config={"healthcheck": {"test": test}}))


@pytest.mark.parametrize(
    ("test", "result"),
    [
        (["CMD", "curl", "-f", "http://localhost"], ("curl",)),
        (["CMD", "test", "-e", "/tmp/ok"], ("test",)),
        (["CMD", "/app/check.py"], ("/app/check.py",)),
        (["CMD", "sh", "-c", "curl localhost && echo fine"], ("sh", "curl")),
        (["CMD", "$PROGRAM"], ()),
        (["CMD"], ()),
        (["NONE"], ()),
    ],
)
def test_a_command(test: list[str], result: tuple[str, ...]) -> None:
    assert of(test) == result


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("curl -f http://localhost/#top || exit 1", ("curl",)),
        ("pg_isready -U $${USER} -h 127.0.0.1", ("pg_isready",)),
        ("echo ruok | nc localhost 2181 | grep imok", ("nc", "grep")),
        ("test -e /tmp/ok", ()),
        ("PGPASSWORD=x psql -c 'select 1; drop' > /dev/null 2>&1", ("psql",)),
        ("! exec redis-cli ping >/tmp/out && cat /tmp/out", ("redis-cli", "cat")),
        ("exec 3<>/dev/tcp/localhost/9092", ()),
        ("exec 3<> /dev/tcp/localhost/9092 && echo ruok >&3 && cat <&3", ("cat",)),
        ("2>/dev/null curl localhost", ("curl",)),
        ("shopt -s nullglob; nc -z localhost 80", ("nc",)),
        # Either is enough, so neither is needed.
        ("curl localhost || wget localhost", ()),
        # What is not a line of plain commands is not judged from there on.
        ("curl localhost; if true; then wget localhost; fi", ("curl",)),
        ("curl $(hostname)", ("curl",)),
        ("$(which curl) localhost", ()),
        ("${CURL} localhost", ()),
        ("(curl localhost)", ()),
        ("curl 'localhost", ()),
    ],
)
def test_a_script(script: str, result: tuple[str, ...]) -> None:
    assert of(["CMD-SHELL", script]) == (SH, *result)
    assert of(script) == (SH, *result)


def test_a_service_without_a_check_runs_none() -> None:
    assert programs(service("web")) == ()
    off = {"healthcheck": {"disable": True, "test": ["CMD", "curl"]}}
    assert programs(service("web", config=off)) == ()
