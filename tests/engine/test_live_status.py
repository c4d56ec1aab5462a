"""`inv status --watch` at a terminal: what it shows as things happen, and the keys."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator

from tests.engine.stacks import docker
from tests.project import LONGEST_SECONDS, Project

COMPOSE = """
services:
  db:
    image: ct-test/busybox
    init: true
    command: [sh, -c, "echo the db listens; sleep 1000"]
    healthcheck: {test: test -e /ready, interval: 500ms, retries: 1000}
    stop_grace_period: 0s
  api:
    image: ct-test/busybox
    init: true
    command: [sh, -c, "echo the api is at work; sleep 1000"]
    depends_on: {db: {condition: service_healthy}}
    stop_grace_period: 0s
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A terminal of 80 columns with a program in it."""

    def __init__(self, project: Project, *words: str) -> None:
        self.end, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(other)
        self.text = ""
        environment = {**project.environment, "TERM": "xterm-256color"}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "invoke", *words],
            cwd=project.folder,
            env=environment,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        self.other = other

    def until(self, words: str) -> str:
        """What is shown up to these words, from what was asked for before on."""
        while words not in self.text:
            if not select.select([self.end], [], [], 0.5)[0]:
                assert self.child.poll() is None, f"no {words!r} in {self.text[-3000:]!r}"
                continue
            self.text += ESCAPES.sub("", os.read(self.end, 65536).decode(errors="replace"))
        shown, _, self.text = self.text.partition(words)
        return shown

    def press(self, keys: str) -> None:
        os.write(self.end, keys.encode())

    def ended(self) -> int:
        """The exit code; the terminal is as it was."""
        code = self.child.wait(LONGEST_SECONDS)
        assert termios.tcgetattr(self.other)[:4] == self.before[:4]
        return code


@contextlib.contextmanager
def terminal(project: Project, *words: str) -> Iterator[Terminal]:
    made = Terminal(project, *words)
    watchdog = threading.Timer(LONGEST_SECONDS, made.child.kill)
    watchdog.start()
    try:
        yield made
    finally:
        watchdog.cancel()
        made.child.kill()
        made.child.wait()
        os.close(made.end)
        os.close(made.other)


def test_it_follows_what_happens_and_runs_tasks_by_keys(project: Project) -> None:
    project.compose(COMPOSE)
    up = project.start("up")
    try:
        with terminal(project, "status", "--watch") as shown:
            shown.until("waits for db")
            docker("exec", f"{project.name}-db-1", "touch", "/ready")
            shown.until("2 of 2 up")
            shown.until("the api is at work")
            assert up.wait(LONGEST_SECONDS) == 0
            began = docker("inspect", "-f", "{{.State.StartedAt}}", f"{project.name}-api-1")
            shown.press("jr")
            shown.until("is restarted")
            shown.until("2 of 2 up")
            now = docker("inspect", "-f", "{{.State.StartedAt}}", f"{project.name}-api-1")
            assert now != began
            docker("rm", "-f", f"{project.name}-api-1")
            shown.until("1 of 2 up")
            shown.press("q")
            assert shown.ended() == 0
        with terminal(project, "status", "--watch") as shown:
            shown.until("1 of 2 up")
            shown.child.send_signal(signal.SIGINT)
            assert shown.ended() == 130
    finally:
        up.kill()
        up.communicate()


def test_keys_pressed_at_once_stop_at_the_first_and_the_last_service(project: Project) -> None:
    project.compose(COMPOSE.replace("test: test -e /ready", 'test: "true"'))
    project.start("up").communicate(timeout=LONGEST_SECONDS)

    def began() -> list[str]:
        names = [f"{project.name}-{one}-1" for one in ("db", "api")]
        return docker("inspect", "-f", "{{.State.StartedAt}}", *names).split()

    with terminal(project, "status", "--watch") as shown:
        for keys, chosen in (("kr", 0), ("jjjr", 1)):
            shown.until("2 of 2 up")
            before = began()
            shown.press(keys)
            shown.until("is restarted")
            after = began()
            assert after[chosen] != before[chosen]
            assert after[1 - chosen] == before[1 - chosen]
        shown.press("q")
        assert shown.ended() == 0


def test_without_an_active_service_there_is_nothing_to_choose(project: Project) -> None:
    project.compose(COMPOSE.replace("init: true", "init: true\n    profiles: [other]"))
    with terminal(project, "status", "--watch") as shown:
        shown.until("no active service")
        shown.press("jrloq")
        assert shown.ended() == 0
