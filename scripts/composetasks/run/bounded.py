"""Values that are computed in their own threads, each within a time limit, so that a computation
that hangs does not block the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Unavailable(Exception):
    """Something can't be examined, which is not a failure; the text says why."""


class Late(Exception):
    """A value was not available in time; ``seconds`` is the limit."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.seconds = seconds


class Bounded(Generic[T]):
    """The value of ``get``, which runs at once in a thread. ``seconds`` are counted from then;
    ``name`` is what is missing, for a message, if there is no value."""

    def __init__(self, get: Callable[[], T], seconds: float, name: str = "") -> None:
        self._get, self._seconds, self._name = get, seconds, name
        self._deadline = time.monotonic() + seconds
        self._values: list[T] = []
        self._error: BaseException | None = None
        # A daemon thread: one that hangs does not prevent the program from exiting.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._values.append(self._get())
        except BaseException as error:  # noqa: BLE001 - raised again by value()
            self._error = error

    @property
    def ended(self) -> bool:
        """Whether the value is available, or computing it has failed."""
        return not self._thread.is_alive()

    def value(self) -> T:
        """Return the value. Raises the exception that ``get`` raised, or Late."""
        self.join(self._deadline - time.monotonic())
        if self._values:
            return self._values[0]
        if self._error is not None:
            raise self._error
        raise Late(self._seconds)

    def or_unavailable(self) -> T:
        """Return a value that the caller requires. Raises Unavailable with its name if there is no
        value, whatever the reason."""
        self.join(self._deadline - time.monotonic())
        if not self._values:
            raise Unavailable(f"needs {self._name}") from self._error
        return self._values[0]

    def or_none(self) -> T | None:
        """Return a value that the caller can do without; None if there is none, whatever the
        reason."""
        self.join(self._deadline - time.monotonic())
        return self._values[0] if self._values else None

    def join(self, seconds: float) -> None:
        """Wait at most ``seconds`` for the thread to end."""
        self._thread.join(max(0.0, seconds))
