"""Work done ahead: a fork of this process makes values while this one does something else.

What it made lies in a file without a name, so neither waits for the other. The fork ends when it
is through, and with :meth:`ForkedValues.end`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

LENGTH = 4
"""Bytes that say how long the next value is."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ForkedValues:
    """The values of ``make``, of JSON's types, as a fork makes them one after another since
    ``started_ns``.

    Where none can be had there are none: a fork of a process with threads is not safe, and one
    core does nothing ahead.
    """

    def __init__(self, make: Callable[[], Iterable[Any]]) -> None:
        self.started_ns = time.time_ns()
        self._child = self._at = 0
        if not hasattr(os, "fork") or threading.active_count() > 1 or os.cpu_count() == 1:
            return
        with contextlib.suppress(OSError):  # also where there is room for no temporary file
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as we do
            self._child = os.fork()
            if not self._child:
                self._run(make)

    def _run(self, make: Callable[[], Iterable[Any]]) -> None:
        """The fork's whole life: nothing of what the parent would do at its end is done here."""
        try:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            for value in make():
                data = json.dumps(value).encode("ascii")
                self._file.write(len(data).to_bytes(LENGTH, "big") + data)
        finally:
            os._exit(0)

    def come(self) -> Iterator[Any]:
        """The values that have come since this was asked last, without waiting for more."""
        if not self._child:
            return
        new = os.fstat(self._file.fileno()).st_size - self._at
        data = os.pread(self._file.fileno(), new, self._at) if new > LENGTH else b""
        start = 0
        while start + LENGTH <= len(data):
            end = start + LENGTH + int.from_bytes(data[start : start + LENGTH], "big")
            if end > len(data):
                break
            yield json.loads(data[start + LENGTH : end])
            start = end
        self._at += start

    def end(self) -> None:
        """Take no more."""
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0
            self._file.close()
