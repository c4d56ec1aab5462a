"""The file by which the job says how it is, to its supervisor and to the health check.

Both read it with code of their own (compose/spark/supervisor/files.py), so that a mistake here
stops neither: the names and meanings of its fields are what they share.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

# Not `tempfile.gettempdir()`: where that is full it gives another folder, to each program its own.
FILE = Path(os.environ.get("TMPDIR") or "/tmp", "processing", "heartbeat.json")
STARTING = "starting"
WAITING = "waiting"
STREAMING = "streaming"
FAILED = "failed"


class Pulse:
    """What the job is doing. Safe to use from several threads."""

    def __init__(self, version: str, file: Path = FILE) -> None:
        self._version = version
        self._file = file
        self._lock = threading.Lock()
        self._state = STARTING
        self._why = ""
        self._batch_since = 0.0
        self._done = 0
        self._waiting_for = ""
        self._waiting_since = 0.0

    def starting(self) -> None:
        """The job is getting ready."""
        self._say(STARTING)

    def streaming(self) -> None:
        """Kafka was asked, and what it had is scored."""
        self._say(STREAMING)

    def batch_begins(self) -> None:
        """A batch is being scored from now on, however long that takes."""
        self._batch_since = time.time()
        self._say(STREAMING)

    def batch_ends(self, *, done: bool) -> None:
        """It is done, or has failed."""
        self._batch_since = 0.0
        self._done += done
        self._say(self._state, self._why)

    def waiting(self, what: str, why: str) -> None:
        """Something does not do its part: "the database does not answer". Says since when."""
        with self._lock:
            if self._waiting_for != what:
                self._waiting_for, self._waiting_since = what, time.time()
            since = datetime.fromtimestamp(self._waiting_since, timezone.utc)
        self._say(WAITING, f"{what} since {since:%H:%M:%S} UTC ({why})", keep=True)

    def failed(self, why: str) -> None:
        """The job ends, and why."""
        self._say(FAILED, why)

    @property
    def state(self) -> str:
        """What was said last."""
        return self._state

    def _say(self, state: str, why: str = "", *, keep: bool = False) -> None:
        with self._lock:
            if not keep:
                self._waiting_for = ""
            self._state, self._why = state, why
            word = {
                "pid": os.getpid(),
                "version": self._version,
                "state": state,
                "time": time.time(),
                "why": why,
                "batch_since": self._batch_since,
                "done": self._done,
            }
            new = self._file.with_suffix(".new")
            with contextlib.suppress(OSError):  # a full disk costs the word, and not the stream
                self._file.parent.mkdir(parents=True, exist_ok=True)
                new.write_text(json.dumps(word))
                new.replace(self._file)
