"""Threads that make small files: most of the time of making one is the kernel's, which works for
several at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

COUNT = 2
BATCH_BYTES = 1 << 20
BATCH_FILES = 16
"""How much is handed over at once: less would be more handing over than making."""


class Makers:
    """A context manager; leaving the block waits until everything is made."""

    def __init__(self) -> None:
        self._batches: queue.Queue[list[Callable[[], None]] | None] = queue.Queue(COUNT)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(COUNT)]
        self._batch: list[Callable[[], None]] = []
        self._bytes = 0
        self._error: BaseException | None = None

    def __enter__(self) -> Makers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is None:
            self._hand_over()
        for _ in self._threads:
            self._batches.put(None)
        for thread in self._threads:
            thread.join()
        if kind is None:
            self._complain()

    def make(self, size: int, work: Callable[[], None]) -> None:
        """Let ``work`` be done soon, which holds ``size`` bytes until then. Raises what earlier
        work raised."""
        self._complain()
        self._batch.append(work)
        self._bytes += size
        if self._bytes >= BATCH_BYTES or len(self._batch) >= BATCH_FILES:
            self._hand_over()

    def wait(self) -> None:
        """Wait until all that was asked for is done; raises what it raised."""
        self._hand_over()
        self._batches.join()
        self._complain()

    def _hand_over(self) -> None:
        if self._batch:
            self._batches.put(self._batch)
            self._batch, self._bytes = [], 0

    def _complain(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while True:
            batch = self._batches.get()
            try:
                for work in batch or ():
                    if self._error is None:
                        work()
            except BaseException as error:  # noqa: BLE001 - raised by the thread that asked for it
                self._error = error
            finally:
                self._batches.task_done()
            if batch is None:
                return
