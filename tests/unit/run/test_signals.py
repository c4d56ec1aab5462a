"""What signals do to a run, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

BLOCK = """
import atexit, os, signal
from composetasks.run.signals import ended_politely

interrupt = lambda: os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def run(text: str) -> tuple[int, str, str]:
    argv = [sys.executable, "-c", BLOCK + text]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_first_is_raised_and_what_follows_the_block_is_left_alone() -> None:
    code, out, err = run("""
try:
    with ended_politely(lambda: None):
        interrupt()
except KeyboardInterrupt:
    interrupt()
    print("ended")
""")
    assert (code, out, err) == (0, "ended\n", "")


def test_one_at_the_interpreter_s_own_end_says_nothing() -> None:
    code, out, err = run("""
atexit.register(interrupt)
with ended_politely(lambda: None):
    print("done")
""")
    assert (code, out, err) == (0, "done\n", "")


def test_between_two_blocks_it_is_as_it_was_before() -> None:
    code, _, err = run("""
with ended_politely(lambda: None):
    pass
interrupt()
""")
    assert code in (1, -signal.SIGINT)
    assert err.rstrip().endswith("KeyboardInterrupt")


def test_one_while_text_is_compiled_changes_no_exit_code() -> None:
    code, out, err = run("""
try:
    with ended_politely(lambda: None):
        exec("interrupt()")
except KeyboardInterrupt:
    print("told")
""")
    assert (code, out, err) == (0, "told\n", "")


@pytest.mark.parametrize("ignored", [True, False])
def test_a_hang_up_that_is_ignored_stays_so(ignored: bool) -> None:
    code, out, _ = run(f"""
signal.signal(signal.SIGHUP, signal.SIG_IGN if {ignored} else signal.SIG_DFL)
try:
    with ended_politely(lambda: None):
        os.kill(os.getpid(), signal.SIGHUP)
        print("went on")
except BaseException as error:
    print(type(error).__name__)
""")
    assert (code, out) == (0, "went on\n" if ignored else "Terminated\n")


def test_one_while_a_thread_starts_keeps_no_program_from_its_end() -> None:
    code, out, _ = run("""
import threading
from composetasks.facts import BuildImage, Plan, Step
from composetasks.verbs import carry_through, remember

start = threading.Thread.start

def interrupted(thread):
    start(thread)
    interrupt()

threading.Thread.start = interrupted
remember.build_definitions = lambda session, services: {}
step = Step(operation=BuildImage(), target="web", reason="", service="web")
try:
    carry_through._definitions(None, Plan("up", "shop", (step,)))
except KeyboardInterrupt as error:
    kept = error
print("ended")
""")
    assert (code, out) == (0, "ended\n")


def test_one_that_another_thread_is_given_ends_the_main_thread_s_wait() -> None:
    """As the kernel does with two that arrive at once."""
    text = """
import queue, threading

def given() -> None:
    waits.wait()
    while not sleeps():
        pass
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

def sleeps() -> bool:
    with open(f"/proc/self/task/{os.getpid()}/stat") as of_main:
        return of_main.read().rpartition(")")[2].split()[0] == "S"

def give_up() -> None:
    late.set()
    never.put(None)

waits, late, never = threading.Event(), threading.Event(), queue.Queue()
threading.Thread(target=given, daemon=True).start()
ending = threading.Timer(30, give_up)
ending.daemon = True
try:
    with ended_politely(lambda: None):
        ending.start()
        waits.set()
        never.get()
except KeyboardInterrupt:
    print("ended late" if late.is_set() else "ended")
"""
    assert run(text) == (0, "ended\n", "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param("reporter(as_json=True, stream=True).write(document)", id="a document"),
        pytest.param(
            "reporter(as_json=True, stream=True).log_printer(['web']).write([line])",
            id="a line of a log",
        ),
    ],
)
def test_what_is_being_written_for_a_program_is_written_completely(
    write: str, unbuffered: str
) -> None:
    text = f"""
from composetasks.facts import LogLine
from composetasks.report.reporter import reporter

document = {{"text": "x" * 1_000_000}}
line = LogLine("", "web", 1, "web-1", "stdout", "x" * 1_000_000)
try:
    with ended_politely(lambda: None):
        {write}
        print("went on")
except KeyboardInterrupt:
    print('{{"event": "ended"}}')
"""
    argv = [sys.executable, "-c", BLOCK + text]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        # The pipe is full and the child waits for room in it, or will in a moment.
        begun = child.stdout.read(1)
        child.send_signal(signal.SIGINT)
        documents = (begun + child.stdout.read()).decode().splitlines()
    assert child.returncode == 0
    assert len(documents) == 2
    assert len(json.loads(documents[0])) > 0
    assert json.loads(documents[1]) == {"event": "ended"}
