"""An engine on another host that several people use: one at a time, and each knows of the other."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.engine.engine_proxy import EngineProxy
from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine
from tests.project import TASKS, Project, own_environment
from tests.reach.relay import relayed

SLOW = "healthcheck: {test: [CMD, test, -e, /ready], interval: 1s, start_period: 600s}"
BODY = "init: true, command: [sleep, '1000'], stop_grace_period: 0s"
OTHER = 'hostname other; mount --bind "$0" "$1"; cd "$1"; shift; exec "$@"'
"""Runs a program on a machine of another name, which has another folder at the project's path."""


@pytest.fixture
def relay(tmp_path: Path, engine: OwnEngine) -> Iterator[str]:
    """The engine as one that is on another host."""
    with relayed(engine.address) as port:
        yield f"tcp://127.0.0.1:{port}"
    engine.clear()


@pytest.fixture
def mine(tmp_path: Path, relay: str) -> Project:
    made = Project(tmp_path / "shop", {**own_environment(), "DOCKER_HOST": relay}, "ct-reach-team")
    made.write("tasks.py", TASKS)
    return made


@pytest.fixture
def theirs(tmp_path: Path, mine: Project) -> Project:
    """A clone at the same path of another machine."""
    folder = tmp_path / "of-other"
    program = ("unshare", "--uts", "--mount", "sh", "-c", OTHER, str(folder), str(mine.folder))
    made = Project(folder, mine.environment, mine.name, (*program, *mine.program))
    made.write("tasks.py", TASKS)
    return made


def test_the_second_is_told_who_is_at_it_and_what_is_made_has_a_maker(
    mine: Project, theirs: Project
) -> None:
    for one in (mine, theirs):
        one.compose(f"services:\n  web: {{image: {busybox.TAG}, {BODY}, {SLOW}}}\n")
    first = mine.start("up")
    wait_until(lambda: bool(mine.inv("status", "--json").document["services"][0]["health"]))

    second = theirs.inv("up")
    mine.inv("exec", "web", "touch", "/ready")
    _, err = first.communicate(timeout=60)
    third, again = theirs.inv("up"), mine.inv("up")
    spared, gone = theirs.inv("down"), mine.inv("down")
    taken = theirs.inv("up", "--no-wait")

    assert first.returncode == 0, err
    assert second.code == 75, second.err
    assert "`inv up` of root on " in second.err
    assert f", in {mine.folder}, since" in second.err
    assert third.code == 9, third.err
    assert f"in {mine.folder}, of root on " in third.err
    assert (again.code, "nothing to do" in again.out) == (0, True), again.err
    assert spared.code == 0
    assert "stays: made by another checkout" in spared.out + spared.err
    assert (gone.code, taken.code) == (0, 0), taken.err
    assert theirs.inv("down").code == 0


def test_of_two_at_once_one_is_served(mine: Project, theirs: Project) -> None:
    healthy = "healthcheck: {test: [CMD, 'true'], interval: 3s}"
    for one, text in ((mine, "mine"), (theirs, "theirs")):
        body = f"{BODY}, environment: {{WHOSE: {text}}}, {healthy}"
        one.compose(f"services:\n  web: {{image: {busybox.TAG}, {body}}}\n")
    for _ in range(3):
        both = [one.start("up") for one in (mine, theirs)]
        errors = [child.communicate(timeout=120)[1] for child in both]
        codes = [child.returncode for child in both]

        assert sorted(codes) == [0, 75], errors
        winner, whose = (mine, "mine") if codes[0] == 0 else (theirs, "theirs")
        assert winner.inv("exec", "web", "sh", "-c", "echo $WHOSE").out == f"{whose}\n"
        assert winner.inv("down").code == 0


def test_a_holder_that_is_killed_holds_nothing(mine: Project, engine: OwnEngine) -> None:
    mine.compose(f"services:\n  web: {{image: {busybox.TAG}, {BODY}, {SLOW}}}\n")
    first = mine.start("up")
    wait_until(lambda: bool(mine.inv("status", "--json").document["services"][0]["health"]))

    first.send_signal(signal.SIGKILL)
    first.communicate()

    assert mine.inv("down", "--wait-lock", "10").code == 0


def test_what_is_asked_of_an_engine_elsewhere(
    mine: Project, engine: OwnEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As much whatever the number of services.
    services = (f"  web{number}: {{image: {busybox.TAG}, {BODY}}}\n" for number in range(8))
    mine.compose(f"services:\n{''.join(services)}")
    assert mine.inv("up").code == 0
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    with EngineProxy(tmp_path / "sock") as proxy, relayed(proxy.address) as port:
        again = mine.inv("up", DOCKER_HOST=f"tcp://127.0.0.1:{port}")

    assert again.code == 0, again.err
    assert len(proxy.requests) <= 7, proxy.requests
    assert mine.inv("down").code == 0
