"""A remote engine: the cost of a start with nothing to do if each answer takes 150 ms longer.

The slow connection is simulated: a socket forwards requests to this engine and delays each answer.
Compose sends and awaits one request per container, 20 of them here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.command import IDLE, RUNS
from benchmarks.framework import Case, Figure, Target, in_turns
from benchmarks.scratch import scratch
from tests.engine.engine_proxy import EngineProxy
from tests.reach.relay import relayed

SERVICES = 20
LATENCY = 0.15
"""Seconds."""


def nothing_to_do() -> Iterator[Figure]:
    with scratch("far") as project:
        project.write({f"s{number}": IDLE for number in range(SERVICES)})
        project.inv("up")
        link = EngineProxy(Path(project.folder, "link"), LATENCY)
        with link, relayed(link.address) as port:
            project.environment["DOCKER_HOST"] = f"tcp://127.0.0.1:{port}"
            try:
                took = in_turns(
                    {
                        "inv": lambda _: project.timed_inv("up"),
                        "compose": lambda _: project.timed_compose("up", "-d"),
                    },
                    RUNS,
                )
            finally:
                del project.environment["DOCKER_HOST"]
    yield Figure(
        f"empty `inv up`, {SERVICES} services, an engine 150 ms away",
        "`docker compose up -d`",
        took["inv"],
        took["compose"],
        Target(1.2),
    )


CASES = (Case("far", "a start with nothing to do on a far engine", 1, nothing_to_do),)
