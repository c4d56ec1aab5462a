"""The speed and memory of a million log lines, beside `docker compose logs`.

The programs read the same containers in turn, into a pipe whose reader stops after the last line.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.framework import Case, Figure, Target, in_turns, say
from benchmarks.scratch import PEAK, Failed, Scratch, scratch
from tests.engine import busybox

LINES = 1_000_000
INV = (sys.executable, "-m", "invoke", "logs")
COMPOSE = ("docker", "compose", "logs", "--no-color")
SCRIPT = """
seq 1 {} | sed 's/^/a line of some length, number /'
touch /tmp/done
tail -f /dev/null
"""


@dataclass(frozen=True)
class Reading:
    """One program's run: seconds from its start to the last line, and its peak memory in bytes."""

    seconds: float
    memory: int


@contextmanager
def written(services: int) -> Iterator[Scratch]:
    """A project whose services together have written ``LINES`` lines."""
    one = {
        "image": busybox.TAG,
        "init": True,
        "stop_grace_period": "0s",
        "command": ["sh", "-c", SCRIPT.format(LINES // services)],
        "healthcheck": {
            "test": ["CMD", "test", "-e", "/tmp/done"],  # noqa: S108 (in the container)
            "start_period": "300s",
            "start_interval": "500ms",
        },
    }
    with scratch("logs") as project:
        project.write({f"s{number}": one for number in range(services)})
        say(f"  {services} services write {LINES:,} lines")
        project.compose("up", "-d", "--wait")
        yield project


def read(project: Scratch, argv: tuple[str, ...]) -> Reading:
    """Run a program until it has printed all lines, then interrupt it as Ctrl-C does."""
    began = time.monotonic()
    told_peak = project.folder / "peak"
    child = subprocess.Popen(
        [*PEAK, str(told_peak), *argv],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    head = subprocess.Popen(["head", "-n", str(LINES)], stdin=child.stdout, stdout=subprocess.PIPE)
    count = subprocess.Popen(["wc", "-l"], stdin=head.stdout, stdout=subprocess.PIPE)
    for pipe in (child.stdout, head.stdout):
        assert pipe is not None
        pipe.close()
    told = int(count.communicate()[0])
    seconds = time.monotonic() - began
    head.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)  # The child may have exited on its own.
    child.wait()
    if told != LINES:
        raise Failed(f"{' '.join(argv)} gave {told} of {LINES} lines")
    return Reading(seconds, int(told_peak.read_text()))


def streamed(services: int, *options: str) -> Iterator[Figure]:
    peaks: dict[str, list[float]] = {"inv": [], "compose": []}

    with written(services) as project:

        def side(name: str, argv: tuple[str, ...]) -> float:
            found = read(project, (*argv, *options))
            peaks[name].append(found.memory)
            return found.seconds

        took = in_turns(
            {"inv": lambda _: side("inv", INV), "compose": lambda _: side("compose", COMPOSE)}
        )
    follow = "".join(f" {option}" for option in options)
    what = f"{LINES:,} lines of {services} service{'s' * (services > 1)}, `inv logs{follow}`"
    peer = f"`docker compose logs{follow}`"
    yield Figure(what, peer, took["inv"], took["compose"], Target(2.0))
    yield Figure(
        f"peak memory: {what}", peer, tuple(peaks["inv"]), tuple(peaks["compose"]), unit="B"
    )


def logs() -> Iterator[Figure]:
    for services in (1, 4):
        yield from streamed(services)
        yield from streamed(services, "--follow")


CASES = (Case("logs", "a million log lines", 8, logs),)
