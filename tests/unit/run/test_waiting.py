"""What is waited for is told while it is, and no longer."""

from __future__ import annotations

import queue
import sys

from composetasks.run import process, waiting

SOON = 0.01


def _told_while(*waits: str, count: int) -> list[str]:
    """The first sentences that are told while all of these are waited for."""
    said: queue.Queue[str] = queue.Queue()
    with waiting.announced(said.put):
        if len(waits) == 1:
            with waiting.on(waits[0], SOON):
                return [said.get(timeout=60) for _ in range(count)]
        with waiting.on(waits[0], SOON), waiting.on(waits[1], SOON):
            return [said.get(timeout=60) for _ in range(count)]


def test_a_wait_is_told_again_and_again_and_each_time_later() -> None:
    said = _told_while("the engine", count=3)
    assert all(one.startswith("waiting for the engine: no answer for ") for one in said)
    wait = waiting.Waiting("it", 2.0)
    moments = []
    for _ in range(3):
        moments.append(wait.tell_at - wait.since)
        wait.sentence(wait.tell_at)
    assert moments == [2.0, 4.0, 8.0]


def test_of_several_the_longest_is_told() -> None:
    assert "waiting for the first" in _told_while("the first", "the second", count=1)[0]


def test_what_takes_long_by_itself_is_told_that_much_later() -> None:
    wait = waiting.Waiting("a stop", 2.0, due=10.0)
    assert wait.tell_at - wait.since == 12.0


def test_what_has_come_is_told_no_more() -> None:
    said: queue.Queue[str] = queue.Queue()
    with waiting.announced(said.put):
        with waiting.on("the first", SOON):
            said.get(timeout=60)
        with waiting.on("the second", SOON):
            while "second" not in said.get(timeout=60):
                """What was told of the first before it came."""
    assert not waiting._waits


def test_a_wait_that_fails_is_over_too() -> None:
    try:
        with waiting.on("it"):
            raise KeyError
    except KeyError:
        assert not waiting._waits


def test_a_program_is_named_by_its_command() -> None:
    argv = ["/x/docker-compose", "-p", "shop", "--ansi", "never", "--progress", "auto", "up", "-d"]
    assert process.named(argv) == "docker-compose up"
    assert process.named(["git", "-C", "/srv", "status"]) == "git status"
    assert process.named(["/x/docker-compose"]) == "docker-compose"


def test_a_program_that_says_nothing_for_so_long_is_no_end_of_it() -> None:
    program = "import sys; sys.stdin.read(); print('one')"
    with process.Running([sys.executable, "-c", program], stdin="") as running:
        while True:
            try:
                line = running.line(SOON)
            except TimeoutError:
                continue
            break
        assert line == process.Line("stdout", "one")
        assert running.line() is None
        assert running.wait() == 0
