"""The keeper of the crawler's browser, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crawler import keeper

PROGRAM = """
import os, signal, subprocess, sys, tempfile
signal.signal(signal.SIGTERM, signal.SIG_IGN)
tempfile.mkstemp()
child = [sys.executable, "-c", "import signal; print(1, flush=True); signal.pause()"]
# One of its own, one in another session whose parent has ended, as Chromium's.
subprocess.Popen(child)
subprocess.run(["sh", "-c", '"$@" & echo', "sh", *child], start_new_session=True)
{rest}
"""
STARTER = """
import signal, subprocess, sys
# What runs in the background of a shell is started with this ignored.
signal.signal(signal.SIGINT, signal.SIG_DFL)
kept = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
signal.pause()
"""
COMMAND = [sys.executable, "-I", keeper.__file__, sys.executable, "-c"]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Held by all that is started, so that its end is the end of them all."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    yield reader, writer
    os.close(reader)


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program in its place for temporary files."""
    started = []

    def begin(*command: str, stdout: int) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=stdout,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            start_new_session=True,
        )
        os.close(stdout)
        started.append(program)
        return program

    yield begin
    for program in started:
        if program.stdin is not None:
            program.stdin.close()
        program.kill()
        program.wait()


def wait_for_children(reader: int) -> None:
    """Until both children of PROGRAM are there."""
    said = b""
    while said.count(b"1") < 2:
        piece = os.read(reader, 100)
        assert piece, said
        said += piece


def is_over(reader: int) -> bool:
    """Whether nobody holds the pipe any more; waits for that."""
    while os.read(reader, 100):
        pass
    return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_program_whose_starter_is_ended(
    number: signal.Signals, pipe: tuple[int, int], start: Start, tmp_path: Path
) -> None:
    reader, writer = pipe
    rest = "signal.pause()"
    command = (sys.executable, "-c", STARTER, *COMMAND, PROGRAM.format(rest=rest))
    starter = start(*command, stdout=writer)
    wait_for_children(reader)
    # The whole group, as Airflow ends a task.
    os.killpg(starter.pid, number)
    assert starter.wait() == -number
    assert is_over(reader)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rest", "code"),
    [("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL)],
)
def test_nothing_is_left_of_a_program_that_ends_by_itself(
    rest: str, code: int, pipe: tuple[int, int], start: Start, tmp_path: Path
) -> None:
    reader, writer = pipe
    kept = start(*COMMAND, PROGRAM.format(rest=rest), stdout=writer)
    assert is_over(reader)
    assert kept.wait() == code
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_program_whose_keeper_is_told_to_stop(
    pipe: tuple[int, int], start: Start, tmp_path: Path
) -> None:
    reader, writer = pipe
    kept = start(*COMMAND, PROGRAM.format(rest="signal.pause()"), stdout=writer)
    wait_for_children(reader)
    kept.terminate()
    assert is_over(reader)
    assert kept.wait() == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
