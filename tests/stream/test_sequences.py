"""Seeded sequences of messages and faults: whatever comes, the rows are exactly the messages.

`STREAM_SEEDS=20 nox -s stream -- tests/stream/test_sequences.py` runs so many; `STREAM_SEED=9`
begins with that one.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.stream.messages import sample
from tests.stream.stack import JOB, Stack

SEEDS = int(os.environ.get("STREAM_SEEDS", "2"))
FIRST = int(os.environ.get("STREAM_SEED", "11"))
"""The eleventh ends the container while an edit can't run."""
STEPS = 6
STEP_SECONDS = 4.0


def kill_container(stack: Stack, chance: random.Random) -> None:
    stack.compose("kill", JOB)
    stack.compose("start", JOB)


def recreate_container(stack: Stack, chance: random.Random) -> None:
    stack.recreate()


def kill_program(stack: Stack, chance: random.Random) -> None:
    stack.kill_program(chance.choice(("java", "python")))


def stop_database(stack: Stack, chance: random.Random) -> None:
    stack.compose("kill" if chance.random() < 0.5 else "stop", "postgres")


def restart_kafka(stack: Stack, chance: random.Random) -> None:
    stack.compose("kill" if chance.random() < 0.5 else "stop", "kafka")
    stack.compose("start", "kafka")


def pause_something(stack: Stack, chance: random.Random) -> None:
    stack.compose("pause", chance.choice(("postgres", "clips", JOB)))


def heal(stack: Stack, chance: random.Random) -> None:
    stack.heal()


def spoil_feed(stack: Stack, chance: random.Random) -> None:
    if stack.inspect("clips")["State"]["Paused"]:
        return
    stack.feed(chance.choice(("good", "bad")))


def edit(stack: Stack, chance: random.Random) -> None:
    """A good one, one that can't be imported, or one that fails with its first batch."""
    file = stack.code / "scoring.py"
    plain = file.read_text().split("# edit")[0]
    kind = chance.choice(("", "import nonexistent\n", "def combine(*_): return nonexistent\n"))
    file.write_text(f"{plain}# edit {chance.random()}\n{kind}")


FAULTS = (
    *(kill_container, recreate_container, kill_program, stop_database, restart_kafka),
    *(pause_something, heal, spoil_feed, edit),
)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_whatever_comes_the_rows_are_the_messages(stack: Stack, seed: int) -> None:
    chance = random.Random(seed)
    plain = (stack.code / "scoring.py").read_text()
    try:
        for step in range(STEPS):
            stack.send(sample(seed, step, chance.randrange(5, 80)))
            fault = chance.choice(FAULTS)
            print(f"seed {seed}, step {step}: {fault.__name__}", flush=True)
            fault(stack, chance)
            stack.wait_for_a_moment(chance.random() * STEP_SECONDS)
        heal(stack, chance)
        stack.feed("good")
        stack.settle()
    finally:
        (stack.code / "scoring.py").write_text(plain)
