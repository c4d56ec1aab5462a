"""Foreign containers on the engine: the cost of 500 of them for `inv clean-orphans --plan`.

The target is at most 1.5 times the time without them, plus the engine's own listing time. The
containers are created but never started, carry labels of many other projects, and are removed. Runs
without them come before and after, because the two cannot take turns.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median

from docker import APIClient

from benchmarks.breakdown import by_room
from benchmarks.framework import ROUNDS, RUNS, Case, Figure, Target, say, seconds
from benchmarks.scratch import Scratch, scratch
from composetasks.observe.engine.inventory import connect
from tests.engine import busybox

FOREIGN = 500
FACTOR = 1.5


def timed(project: Scratch) -> float:
    """The seconds of one `inv clean-orphans --plan`."""
    said: list[str] = []
    took = seconds(lambda: said.append(project.inv("clean-orphans", "--plan", "--json")))
    if json.loads(said[0])["steps"]:
        raise AssertionError("containers of others are no orphans of ours")
    return took


def listing(client: APIClient) -> float:
    """The seconds that the engine takes to list all containers."""
    return seconds(lambda: client.containers(all=True))


@contextmanager
def foreign(client: APIClient, prefix: str) -> Iterator[None]:
    """Create ``FOREIGN`` containers of other projects for the block."""
    made: list[str] = []

    def make(number: int) -> None:
        labels = {
            "com.docker.compose.project": f"{prefix}-{number // 10}",
            "com.docker.compose.service": f"service{number % 10}",
            "com.docker.compose.container-number": "1",
            "com.docker.compose.project.working_dir": f"/nowhere/{prefix}-{number // 10}",
        }
        name = f"{prefix}-{number}"
        one = client.create_container(busybox.TAG, name=name, labels=labels)
        made.append(one["Id"])

    with ThreadPoolExecutor(4) as pool:
        try:
            list(pool.map(make, range(FOREIGN)))
            yield
        finally:
            list(pool.map(lambda key: client.remove_container(key, force=True, v=True), made))


def clean_orphans() -> Iterator[Figure]:
    client, runs = connect(), ROUNDS.of(RUNS)
    with scratch("foreign") as project:
        services = {
            f"s{number}": {"image": busybox.TAG, "depends_on": [f"s{number - 1}"] if number else []}
            for number in range(6)
        }
        project.write(services)
        timed(project)  # From now on the model is cached, as in normal use.
        none = [timed(project) for _ in range(runs)]
        say(f"  creating {FOREIGN} containers")
        with foreign(client, f"ctb-{uuid.uuid4().hex[:8]}"):
            many = [timed(project) for _ in range(runs)]
            lists = [listing(client) for _ in range(runs)]
            parts = by_room(project, "clean-orphans", "--plan")
        none += [timed(project) for _ in range(runs)]
    client.close()
    yield Figure(
        f"`inv clean-orphans --plan`, {FOREIGN} foreign containers",
        "the same with none",
        tuple(many),
        tuple(none),
        Target(FACTOR, round(median(lists), 3)),
        note="the seconds added to the target are those the engine takes to list the containers",
        parts=parts,
    )


CASES = (Case("foreign", "500 foreign containers", 2, clean_orphans),)
