"""Asks the engine now and then whether it is still there, while something is waited for.

A connection that is refused or breaks off is an error where it happens. One that merely says
nothing is not: a stream of logs, a build, Compose itself would wait for ever. So a thread asks for
the one answer that an engine always has (``/_ping``), and where even that does not come within the
time an answer may take, the run ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from composetasks.run.failure import NoAnswer, TaskFailure

if TYPE_CHECKING:
    from docker import APIClient

INTERVAL = 5.0
"""Seconds between two questions."""
LAST_ANSWER_SECONDS = 1.0
"""How long the answer is waited for that is on its way at the end: an engine that is there gives it
at once. A thread that opens a connection while the interpreter ends may fail in it, aloud."""


class LivenessCheck:
    """Asks until :meth:`end`; ``silent`` is called, once and from a thread, where an answer took
    more than ``seconds``."""

    def __init__(self, client: APIClient, seconds: float, silent: Callable[[], None]) -> None:
        self._client, self._seconds, self._silent = client, seconds, silent
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ask no more, and wait for the answer that is on its way."""
        self._over.set()
        self._thread.join(LAST_ANSWER_SECONDS)

    def _ask(self) -> None:
        while not self._over.wait(min(INTERVAL, self._seconds)):
            # Not before: a task that ends sooner needs no more than lists of the engine.
            import requests

            try:
                self._client.get(f"{self._client.base_url}/_ping", timeout=self._seconds).close()
            except (requests.exceptions.Timeout, NoAnswer):
                if not self._over.is_set():
                    self._silent()
                return
            except (requests.exceptions.RequestException, OSError, ValueError, TaskFailure):
                continue  # Refused or cut: whoever talks to the engine is told so.
