"""An engine on another host that several people use: one at a time, and each knows of the other."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.engine.engine_proxy import EngineProxy
from tests.engine.stacks import compose, wait_until
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
    assert "is kept: created by another checkout" in spared.out + spared.err
    assert (gone.code, taken.code) == (0, 0), taken.err
    assert theirs.inv("down").code == 0


@pytest.mark.parametrize("round_", range(10))
def test_of_two_at_once_one_is_served(
    mine: Project, theirs: Project, engine: OwnEngine, round_: int
) -> None:
    for one, text in ((mine, "mine"), (theirs, "theirs")):
        serve = f"[sh, -c, 'echo {text} >/index.html; exec httpd -f -p 80 -h /']"
        body = f"init: true, command: {serve}, ports: ['8080:80'], stop_grace_period: 0s"
        one.compose(f"services:\n  web: {{image: {busybox.TAG}, {body}, {SLOW}}}\n")
    both = {"mine": mine.start("up"), "theirs": theirs.start("up")}
    wait_until(lambda: any(child.poll() is not None for child in both.values()))
    ready = ("docker", "--host", engine.address, "exec", f"{mine.name}-web-1", "touch", "/ready")
    wait_until(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0)
    errors = [child.communicate(timeout=120)[1] for child in both.values()]
    codes = {name: child.returncode for name, child in both.items()}

    assert sorted(codes.values()) == [0, 75], errors
    # What is published there: the port is one of the engine's host.
    read = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080').read().decode())"
    page = subprocess.check_output(engine.inside(sys.executable, "-c", read), text=True)
    assert codes[page.strip()] == 0


def test_a_holder_that_is_killed_holds_nothing(mine: Project, engine: OwnEngine) -> None:
    mine.compose(f"services:\n  web: {{image: {busybox.TAG}, {BODY}, {SLOW}}}\n")
    first = mine.start("up")
    wait_until(lambda: bool(mine.inv("status", "--json").document["services"][0]["health"]))

    first.send_signal(signal.SIGKILL)
    first.communicate()

    assert mine.inv("down", "--wait-lock", "10").code == 0


def test_an_engine_of_this_machine_keeps_none(mine: Project, engine: OwnEngine) -> None:
    mine.compose(f"services:\n  web: {{image: {busybox.TAG}, {BODY}}}\n")
    began = time.time()

    up, down = (mine.inv(task, DOCKER_HOST=engine.address) for task in ("up", "down"))

    assert (up.code, down.code) == (0, 0), up.err + down.err
    assert engine.events(began).count("container create") == 1


def test_what_is_asked_of_an_engine_elsewhere(
    mine: Project, engine: OwnEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As much whatever the number of services, and most of it at once: with a far engine it is the
    # ways there and back that take the time.
    services = (f"  web{number}: {{image: {busybox.TAG}, {BODY}}}\n" for number in range(8))
    mine.compose(f"services:\n{''.join(services)}")
    assert mine.inv("up").code == 0
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    with EngineProxy(tmp_path / "sock", 0.3) as proxy, relayed(proxy.address) as port:
        far = f"tcp://127.0.0.1:{port}"
        again = mine.inv("up", DOCKER_HOST=far)
        asked, turns = list(proxy.requests), proxy.turns
        proxy.turns = 0
        compose(mine, "up", "-d", DOCKER_HOST=far)

    assert again.code == 0, again.err
    assert len(asked) <= 7, asked
    assert 2 * turns <= proxy.turns, asked
    assert mine.inv("down").code == 0
