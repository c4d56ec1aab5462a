"""When a container is up, by its inspect record."""

from __future__ import annotations

from typing import Any

import pytest

from composetasks.facts import Port
from composetasks.plan.start.idle import is_idle
from composetasks.plan.start.readiness import (
    Expected,
    Phase,
    Readiness,
    allowance,
    asked_every,
    exit_meaning,
    expected,
    judge,
    judge_listening,
    probe_line,
)
from tests.unit.worlds import model, service

STARTED = "2026-01-01T00:00:10.000000000Z"


def record(config: dict[str, Any] | None = None, restart: str = "no", **state: Any) -> Any:
    return {
        "RestartCount": state.pop("restarts", 0),
        "Path": "server",
        "Args": [],
        "Config": config or {},
        "HostConfig": {"RestartPolicy": {"Name": restart}},
        "State": {"StartedAt": STARTED, "Status": "running", **state},
    }


def health(status: str, *starts: str, **last: Any) -> dict[str, Any]:
    probes: list[dict[str, Any]] = [{"Start": start, "ExitCode": 0} for start in starts]
    if probes:
        probes[-1].update(last)
    return {"Status": status, "Log": probes}


LATER = "2026-01-01T00:00:11.000000000Z"
EARLIER = "2026-01-01T00:00:01.000000000Z"
IMAGE_PORTS: dict[str, Any] = {"ExposedPorts": {"80/tcp": {}, "53/udp": {}}}
CHECK: dict[str, Any] = {"Healthcheck": {"Test": ["CMD", "true"]}}
PLAIN = Expected()
AWAITED = Expected(awaited=True)
WEB = Expected(ports=(80, 443), published=(80,))


@pytest.mark.parametrize(
    ("raw", "of", "phase"),
    [
        (record(Running=True, Health=health("healthy", LATER)), PLAIN, Phase.UP),
        (record(Running=True, Health=health("starting", LATER)), PLAIN, Phase.WAITING),
        (record(Running=True, Health=health("unhealthy", LATER)), PLAIN, Phase.WAITING),
        (record(Running=True), PLAIN, Phase.UP),
        (record(IMAGE_PORTS, Running=True), PLAIN, Phase.UP),
        (record(Running=True), WEB, Phase.WAITING),
        (record(Running=True, Health=health("healthy", LATER)), WEB, Phase.UP),
        (record(Running=True), AWAITED, Phase.WAITING),
        (record(Running=True, Paused=True), PLAIN, Phase.WAITING),
        (record(Restarting=True, Running=True, ExitCode=1), PLAIN, Phase.WAITING),
        (record(Status="exited", ExitCode=0), PLAIN, Phase.DONE),
        (record(Status="exited", ExitCode=0, restart="on-failure"), PLAIN, Phase.DONE),
        (record(Status="exited", ExitCode=0, restart="always"), PLAIN, Phase.FAILED),
        (record(Status="exited", ExitCode=0, restart="unless-stopped"), PLAIN, Phase.FAILED),
        (record(Status="exited", ExitCode=0, restart="always"), AWAITED, Phase.DONE),
        (record(Status="exited", ExitCode=0), WEB, Phase.DONE),
        (record(Status="exited", ExitCode=0), Expected(ready="running"), Phase.FAILED),
        (record(Status="exited", ExitCode=3), AWAITED, Phase.FAILED),
        (record(Status="exited", ExitCode=137, OOMKilled=True), PLAIN, Phase.FAILED),
        (record(Status="exited", ExitCode=0, OOMKilled=True), AWAITED, Phase.DONE),
        (record(Status="created"), PLAIN, Phase.WAITING),
        (record(Status="created", Error="no such file", ExitCode=127), PLAIN, Phase.FAILED),
    ],
)
def test_phase(raw: Any, of: Expected, phase: Phase) -> None:
    assert judge(raw, of).phase is phase


def test_health_from_before_the_last_start_is_not_believed() -> None:
    old = record(Running=True, Health=health("healthy", EARLIER))
    assert judge(old, PLAIN).phase is Phase.WAITING


def test_a_failing_health_check_says_what_it_says() -> None:
    failing = health("starting", LATER, ExitCode=2, Output="10%\r90%\n\x1b[31mno answer\x1b[0m\n")
    verdict = judge(record(Running=True, Health=failing), PLAIN)
    assert verdict.message == "health check exited with code 2: no answer"
    hangs = health(
        "starting", LATER, ExitCode=-1, Output="Health check exceeded timeout (1s): connecting"
    )
    verdict = judge(record(Running=True, Health=hangs), PLAIN)
    assert verdict.message == "health check timed out (1s): connecting"


def test_the_setting_decides() -> None:
    checked = record(CHECK, Running=True, Health=health("unhealthy", LATER))
    assert judge(checked, Expected(ready="running")).phase is Phase.UP
    assert judge(checked, Expected(ready="listening")).listens
    assert judge(record(Running=True), Expected(ready="listening")).listens
    missing = judge(record(Running=True), Expected(ready="healthy"))
    assert (missing.phase, missing.kind) == (Phase.FAILED, "no-health-check")


def test_what_was_stopped_by_hand_is_no_job() -> None:
    ended = record(Status="exited", ExitCode=0)
    assert judge(ended, PLAIN, asked_to_end=True).phase is Phase.FAILED
    assert judge(ended, AWAITED, asked_to_end=True).phase is Phase.DONE


def test_a_job_that_looks_like_a_server_is_told_about() -> None:
    assert "it has ports" in judge(record(Status="exited", ExitCode=0), WEB).warning
    assert "a health check" in judge(record(CHECK, Status="exited", ExitCode=0), PLAIN).warning
    assert judge(record(IMAGE_PORTS, Status="exited", ExitCode=0), PLAIN).warning == ""


def test_what_exits_with_0_and_is_started_again_has_not_failed() -> None:
    cycles = record(Restarting=True, Running=True, ExitCode=0, restart="always")
    assert judge(cycles, PLAIN, restarts=2).phase is Phase.WAITING
    assert judge(cycles, PLAIN, restarts=3).phase is Phase.UP
    assert judge(cycles, AWAITED, restarts=3).phase is Phase.WAITING
    assert judge(cycles, Expected(ready="running"), restarts=3).phase is Phase.WAITING
    fails = record(Restarting=True, Running=True, ExitCode=1, restart="always")
    assert judge(fails, PLAIN, restarts=9).phase is Phase.WAITING


def test_the_ports_are_the_models_own() -> None:
    web = service(
        "web",
        ports=(Port(8080, (80, 80), "", "tcp"), Port(53, None, "", "udp")),
        config={"expose": ["9000-9001", "54/udp", "8080/tcp"]},
    )
    assert expected(model(web), "web", "listening") == Expected(
        ready="listening", ports=(8080, 9000, 9001), published=(8080,)
    )


WAITING = Readiness(Phase.WAITING, "running", "port-closed", listens=True)


@pytest.mark.parametrize(
    ("sockets", "phase"),
    [
        ({("0.0.0.0", 443)}, Phase.UP),
        ({("::", 80)}, Phase.UP),
        ({("127.0.0.1", 80)}, Phase.UP),
        ({("0.0.0.0", 22)}, Phase.WAITING),
        (set(), Phase.WAITING),
        (None, Phase.UP),
    ],
)
def test_one_listening_port_is_enough(sockets: Any, phase: Phase) -> None:
    assert judge_listening(WAITING, WEB, sockets).phase is phase


def test_what_can_not_be_seen_and_what_nobody_reaches_is_told() -> None:
    assert "can't be checked" in judge_listening(WAITING, WEB, None).warning
    assert "can't reach it" in judge_listening(WAITING, WEB, {("127.0.0.1", 80)}).warning
    assert judge_listening(WAITING, WEB, {("127.0.0.1", 443)}).warning == ""
    assert judge_listening(WAITING, WEB, {("127.0.0.1", 80), ("::", 80)}).warning == ""


def test_a_port_that_stays_closed_is_a_warning_in_the_end() -> None:
    assert (
        judge_listening(WAITING, WEB, set()).message == "waiting for it to listen on ports 80, 443"
    )
    given_up = judge_listening(WAITING, WEB, set(), enough=True)
    assert given_up.phase is Phase.UP
    assert "not listening on ports 80, 443" in given_up.warning


def test_what_is_open_instead_of_a_port_is_told() -> None:
    """The model may name the wrong port; of a namespace of many programs nothing is said."""
    other = {("0.0.0.0", 8080), ("::", 8080)}
    message = "waiting for it to listen on ports 80, 443 (it listens on: 8080)"
    assert judge_listening(WAITING, WEB, other).message == message
    assert (
        "ports 80, 443 (it listens on: 8080); set"
        in judge_listening(WAITING, WEB, other, enough=True).warning
    )
    of_a_host = {("0.0.0.0", port) for port in range(1000, 1010)}
    assert (
        judge_listening(WAITING, WEB, of_a_host).message
        == "waiting for it to listen on ports 80, 443"
    )


@pytest.mark.parametrize(
    ("path", "arguments", "tty", "idle"),
    [
        ("sleep", ["infinity"], False, True),
        ("/bin/sleep", ["1000"], False, True),
        ("docker-entrypoint.sh", ["sleep", "inf"], False, True),
        ("tini", ["--", "tail", "-f", "/dev/null"], False, True),
        ("tail", ["-F", "/var/log/x"], False, True),
        ("sh", ["-c", "while :; do sleep 1; done"], False, True),
        ("sh", ["-c", "trap 'exit 0' TERM; while :; do sleep 1; done"], False, True),
        ("/bin/sh", ["-c", "while sleep 1000; do :; done"], False, True),
        ("/bin/sh", ["-c", 'echo up; trap "exit 0" 15; exec "$@"; sleep 1 & wait $!'], False, True),
        ("bash", [], True, True),
        ("bash", ["-l"], True, True),
        ("docker-entrypoint.sh", ["node"], True, True),
        ("bash", [], False, False),
        ("sh", ["-c", "sleep 3; exec httpd -f"], False, False),
        ("sh", ["-c", "service nginx start; tail -f /var/log/nginx/access.log"], False, False),
        ("node", ["server.js"], True, False),
        ("httpd", ["-f"], False, False),
        ("tail", ["/etc/passwd"], False, False),
        ("", [], False, False),
    ],
)
def test_an_idle_main_program(path: str, arguments: list[str], tty: bool, idle: bool) -> None:
    assert is_idle({"Path": path, "Args": arguments, "Config": {"Tty": tty}}) is idle


def test_an_idle_main_program_has_nothing_to_wait_for() -> None:
    idle = {**record(Running=True), "Path": "sleep", "Args": ["infinity"]}
    assert judge(idle, WEB).phase is Phase.UP
    assert judge(idle, Expected(ready="listening", ports=(80,))).listens


def test_an_idle_program_is_looked_at_for_less_long_unless_it_was_restarted() -> None:
    busy = record(Running=True)
    idle = {**busy, "Path": "sleep", "Args": ["infinity"]}
    assert 0 < judge(idle, Expected()).settle < judge(busy, Expected()).settle
    assert judge(idle, Expected(), restarts=1).settle == judge(busy, Expected(), restarts=1).settle


def test_exit_codes_are_put_into_words() -> None:
    assert exit_meaning(127) == "127 (its command was not found)"
    assert exit_meaning(137) == "137 (SIGKILL)"
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


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        (None, 0.0),
        ({"Test": ["CMD", "true"]}, 180.0),
        ({"Test": ["CMD", "true"], "StartPeriod": 600_000_000_000}, 780.0),
        ({"Test": ["CMD", "x"], "Interval": 10**9, "Timeout": 10**9, "Retries": 5}, 10.0),
    ],
)
def test_a_start_waits_as_long_as_the_engine_does(
    check: dict[str, Any] | None, seconds: float
) -> None:
    assert allowance({"Config": {"Healthcheck": check}}) == seconds


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            "asking\ncurl: (7) Failed to connect: Connection refused\n",
            "curl: (7) Failed to connect: Connection refused",
        ),
        ("  % Total\n\r  0\rcurl: (22) error: 503\nbye\n", "curl: (22) error: 503"),
        ("one\ntwo\n\n", "two"),
        ("warning: it is slow\nno answer\n", "no answer"),
        ("", ""),
    ],
)
def test_of_a_probe_the_line_counts_that_tells_why(output: str, line: str) -> None:
    assert probe_line(output) == line
