"""Work done ahead by a fork. A test's own process has threads, and is not forked: each of these
runs a program."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPTS = Path(__file__).parents[3] / "scripts"


def ran(program: str) -> str:
    """What a program prints that has ``ForkedValues``, and two cores."""
    start = "import os, sys, time\nos.cpu_count = lambda: 2\n"
    start += "from composetasks.run.forked import ForkedValues\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", start + textwrap.dedent(program)],
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_values_come_in_order_and_once_while_something_else_is_done() -> None:
    said = ran(
        """
        values = [["a" * number, number, {"x": None}] for number in range(3000)]
        ahead, found = ForkedValues(lambda: values), []
        while len(found) < len(values):
            found += ahead.come()
        assert found == values
        assert list(ahead.come()) == []
        ahead.end()
        print("done")
        """
    )
    assert said == "done\n"


def test_what_is_not_there_yet_is_not_waited_for_and_the_end_ends_the_fork() -> None:
    said = ran(
        """
        def make():
            yield os.getpid()
            while True:
                time.sleep(3600)
        ahead, found = ForkedValues(make), []
        while not found:
            found = list(ahead.come())
        assert list(ahead.come()) == []
        ahead.end()
        try:
            os.kill(found[0], 0)
        except ProcessLookupError:
            print("gone")
        assert list(ahead.come()) == []
        """
    )
    assert said == "gone\n"


def test_a_fork_that_fails_says_nothing_and_leaves_what_it_had_made() -> None:
    said = ran(
        """
        import atexit
        print("printed once", flush=True)
        atexit.register(lambda: print("at exit", os.getpid() == mine))
        mine = os.getpid()
        def make():
            yield 1
            raise ValueError("no more")
        ahead = ForkedValues(make)
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        print(list(ahead.come()))
        ahead.end()
        """
    )
    assert said == "printed once\n[1]\nat exit True\n"


def test_a_process_with_threads_is_not_forked() -> None:
    said = ran(
        """
        import threading
        over = threading.Event()
        threading.Thread(target=over.wait, daemon=True).start()
        ahead = ForkedValues(lambda: [1])
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED)
        except ChildProcessError:
            print(list(ahead.come()), "no child")
        ahead.end()
        over.set()
        """
    )
    assert said == "[] no child\n"


def test_there_are_none_where_there_is_room_for_no_temporary_file() -> None:
    said = ran(
        """
        import tempfile
        tempfile.tempdir = "/nowhere"
        ahead = ForkedValues(lambda: [1])
        print(list(ahead.come()))
        ahead.end()
        """
    )
    assert said == "[]\n"
