"""Ask the engine from time to time whether it still answers, while something is waited for.

A connection that is refused or cut raises an error by itself, but a silent one does not: a log
stream, a build or Compose itself would wait forever. So a thread sends the one request that an
engine always answers (``/_ping``), and the run ends if the answer takes too long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from composetasks.run.failure import NoAnswer, TaskFailure

if TYPE_CHECKING:
    from docker import APIClient

INTERVAL = 5.0
"""The time between two requests."""
LAST_ANSWER_SECONDS = 1.0
"""The limit for the last answer at the end: a live engine answers at once. A thread that opens a
connection while the interpreter exits may fail and print a traceback."""


class LivenessCheck:
    """Ask until :meth:`end`. ``silent`` is called once, in a thread, if an answer takes more than
    ``seconds``."""

    def __init__(self, client: APIClient, seconds: float, silent: Callable[[], None]) -> None:
        self._client, self._seconds, self._silent = client, seconds, silent
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop asking, and wait for the last answer."""
        self._over.set()
        self._thread.join(LAST_ANSWER_SECONDS)

    def _ask(self) -> None:
        while not self._over.wait(min(INTERVAL, self._seconds)):
            # Import late: a task that ends earlier needs no more than lists of the engine.
            import requests

            try:
                self._client.get(f"{self._client.base_url}/_ping", timeout=self._seconds).close()
            except (requests.exceptions.Timeout, NoAnswer):
                if not self._over.is_set():
                    self._silent()
                return
            except (requests.exceptions.RequestException, OSError, ValueError, TaskFailure):
                continue  # refused or cut: other users of the engine see the error
