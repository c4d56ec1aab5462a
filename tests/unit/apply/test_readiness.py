"""When a container is up, by its inspect record."""

from __future__ import annotations

from typing import Any

import pytest

from composetasks.apply.readiness import Phase, asked_every, exit_meaning, judge

STARTED = "2026-01-01T00:00:10.000000000Z"


def record(config: dict[str, Any] | None = None, restart: str = "no", **state: Any) -> Any:
    return {
        "RestartCount": state.pop("restarts", 0),
        "Config": config or {},
        "HostConfig": {"RestartPolicy": {"Name": restart}},
        "State": {"StartedAt": STARTED, "Status": "running", **state},
    }


def health(status: str, *starts: str) -> dict[str, Any]:
    return {"Status": status, "Log": [{"Start": start, "ExitCode": 0} for start in starts]}


LATER = "2026-01-01T00:00:11.000000000Z"
EARLIER = "2026-01-01T00:00:01.000000000Z"
PORTS: dict[str, Any] = {"ExposedPorts": {"80/tcp": {}, "53/udp": {}}}


@pytest.mark.parametrize(
    ("raw", "awaited", "phase"),
    [
        (record(Running=True, Health=health("healthy", LATER)), False, Phase.UP),
        (record(Running=True, Health=health("starting", LATER)), False, Phase.WAITING),
        (record(Running=True, Health=health("unhealthy", LATER)), False, Phase.WAITING),
        (record(Running=True), False, Phase.UP),
        (record(Running=True), True, Phase.WAITING),
        (record(Running=True, Paused=True), False, Phase.WAITING),
        (record(Restarting=True, Running=True, ExitCode=1), False, Phase.WAITING),
        (record(Status="exited", ExitCode=0), False, Phase.DONE),
        (record(PORTS, Status="exited", ExitCode=0), False, Phase.FAILED),
        (record(PORTS, Status="exited", ExitCode=0), True, Phase.DONE),
        (record(Status="exited", ExitCode=3), True, Phase.FAILED),
        (record(Status="exited", ExitCode=137, OOMKilled=True), False, Phase.FAILED),
        (record(Status="created"), False, Phase.WAITING),
        (record(Status="created", Error="no such file", ExitCode=127), False, Phase.FAILED),
    ],
)
def test_phase(raw: Any, awaited: bool, phase: Phase) -> None:
    assert judge(raw, awaited=awaited).phase is phase


def test_health_from_before_the_last_start_is_not_believed() -> None:
    old = record(Running=True, Health=health("healthy", EARLIER))
    assert judge(old, awaited=False).phase is Phase.WAITING


def test_without_a_health_check_its_tcp_ports_are_asked() -> None:
    assert judge(record(PORTS, Running=True), awaited=False).ask_ports == (80,)


def test_three_restarts_are_a_loop() -> None:
    looping = record(Restarting=True, Running=True, ExitCode=1, restarts=5)
    assert judge(looping, awaited=False, restarts_before=3).phase is Phase.WAITING
    assert judge(looping, awaited=False, restarts_before=2).kind == "restart-loop"


def test_exit_codes_are_put_into_words() -> None:
    assert exit_meaning(127) == "127 (its command was not found)"
    assert exit_meaning(137) == "137 (ended by SIGKILL)"
    assert exit_meaning(3) == "3"


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        (None, None),
        ({"Test": ["NONE"]}, None),
        ({"Test": ["CMD", "true"]}, 30.0),
        ({"Test": ["CMD", "true"], "Interval": 5_000_000_000}, 5.0),
        ({"Test": ["CMD", "true"], "Interval": 9_000_000_000, "StartPeriod": 1}, 5.0),
        ({"Test": ["CMD", "true"], "StartPeriod": 1, "StartInterval": 500_000_000}, 0.5),
        ({"Test": ["CMD", "true"], "Interval": 1_000_000_000, "StartInterval": 1}, 1.0),
    ],
)
def test_how_often_a_start_is_asked_about_is_the_engines_rule(
    check: dict[str, Any] | None, seconds: float | None
) -> None:
    assert asked_every({"Config": {"Healthcheck": check}}) == seconds
