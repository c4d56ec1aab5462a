"""`inv watch --json` at work, and what it says: tests wait for its lines, and for nothing else."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from tests.project import LONGEST_SECONDS, Project
from tests.schemas import validate


class Watching:
    """A watch of a project; ``heard`` are all lines read so far."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self.heard: list[Any] = []

    def until(self, event: str, **fields: Any) -> Any:
        """The next line of this event with these fields."""
        assert self.child.stdout is not None
        for text in self.child.stdout:
            line = validate(json.loads(text))
            self.heard.append(line)
            if line.get("event") == event and all(line.get(k) == v for k, v in fields.items()):
                return line
        raise AssertionError(f"no {event} {fields}: {self.heard[-5:]} {self.child.stderr}")

    def until_done(self, action: str) -> Any:
        return self.until("watch-done", action=action)

    def told(self) -> list[tuple[str, list[str]]]:
        """Each thing that was done for edits, with their files."""
        return [
            (line["action"], [one["path"] for one in line["files"]])
            for line in self.heard
            if line.get("event") == "files-changed"
        ]

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """End it by a signal; its exit code, and what it said last."""
        self.child.send_signal(number)
        out, err = self.child.communicate(timeout=LONGEST_SECONDS)
        assert "Traceback" not in err
        return self.child.returncode, out


@contextlib.contextmanager
def watching(project: Project, *words: str) -> Iterator[Watching]:
    """A watch that has begun."""
    child = project.start("watch", *words, "--json")
    watchdog = threading.Timer(LONGEST_SECONDS, child.kill)
    watchdog.start()
    # What is said beside the lines must not fill its pipe.
    assert child.stderr is not None
    try:
        made = Watching(child)
        made.until("watching")
        yield made
    finally:
        watchdog.cancel()
        child.kill()
        child.wait()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
