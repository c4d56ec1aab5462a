"""A program of the supervisor's: started, listened to, stopped with all it started."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
"""Blocked in the supervisor, which waits for them; its children get them as usual."""
STOP_SECONDS = 30.0
_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt)(?::|$)")


class Child:
    """A running program, in a process group of its own. What it writes to standard error goes on
    to ours; the last line that looks like an error is kept."""

    def __init__(self, command: list[str], folder: Path, out: BinaryIO | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_unblock_signals,
        )
        self._error = self._last = ""
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def code(self) -> int | None:
        """How it ended, as a shell would say it; None while it runs."""
        code = self._process.poll()
        return code if code is None or code >= 0 else 128 - code

    def last_error(self) -> str:
        """The last line of its standard error that names an error, or the last of all."""
        self._reader.join(1)
        return self._error or self._last

    def stop(self, main: int | None = None) -> None:
        """Ends it and all it started: asks the process `main`, or itself, then insists."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(main or self._process.pid, signal.SIGTERM)
            end = time.monotonic() + STOP_SECONDS
            while self._process.poll() is None and time.monotonic() < end:
                signal.sigtimedwait((signal.SIGCHLD,), 0.5)
        with contextlib.suppress(ProcessLookupError):  # often nothing of it is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
                text = line.decode(errors="replace").strip()
                self._last = text[:300] or self._last
                if _ERROR.match(text):
                    self._error = text[:300]


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
