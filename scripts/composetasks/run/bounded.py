"""Values that threads of their own get, each within a bound, so that one that hangs keeps no other
from being had."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Unavailable(Exception):
    """Something can't be looked at, and that is nobody's failure; the text says why."""


class Late(Exception):
    """A value was not there in time; ``seconds`` is the bound."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.seconds = seconds


class Bounded(Generic[T]):
    """The value of ``get``, which a thread begins to get at once. ``seconds`` count from then."""

    def __init__(self, get: Callable[[], T], seconds: float) -> None:
        self._get, self._seconds = get, seconds
        self._deadline = time.monotonic() + seconds
        self._values: list[T] = []
        self._error: BaseException | None = None
        # A daemon: nothing that hangs keeps the program from its end.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._values.append(self._get())
        except BaseException as error:  # noqa: BLE001 - it is raised where the value is asked for
            self._error = error

    @property
    def ended(self) -> bool:
        """Whether the value is there, or getting it has failed."""
        return not self._thread.is_alive()

    def value(self) -> T:
        """The value; raises what getting it raised, and Late."""
        self.join(self._deadline - time.monotonic())
        if self._values:
            return self._values[0]
        if self._error is not None:
            raise self._error
        raise Late(self._seconds)

    def or_unavailable(self, name: str) -> T:
        """The value, for what can't do without; raises Unavailable, which says that ``name`` is
        what it lacks, where the value can't be had, whatever the reason."""
        self.join(self._deadline - time.monotonic())
        if not self._values:
            raise Unavailable(f"needs {name}") from self._error
        return self._values[0]

    def or_none(self) -> T | None:
        """The value, for what can do without; None where it can't be had, whatever the reason."""
        self.join(self._deadline - time.monotonic())
        return self._values[0] if self._values else None

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, for at most so long."""
        self._thread.join(max(0.0, seconds))
