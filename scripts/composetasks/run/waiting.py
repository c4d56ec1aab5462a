"""The answers that this run currently waits for, so that long waits can be announced.

Code that waits for an outside answer (the engine, a program, a file system) does so within
:func:`on`; :func:`announced` has a thread announce waits that last, at growing intervals.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

ENGINE_SECONDS = 5.0
"""The delay before a wait for the engine is announced. Its answers take milliseconds."""
WORK = 3
"""The engine's answers to requests for work may take this many times as long as those to
queries."""
PROGRAM_SECONDS = 8.0
"""The delay before any other wait is announced."""
QUIET_SECONDS = 30.0
"""The delay for a program whose every line is shown, such as a build: its output was just seen."""

_waits: list[Waiting] = []
_changed = threading.Condition()


@dataclass(eq=False)
class Waiting:
    """One wait for ``what``, announced after ``patience`` seconds without an answer, and again each
    time the waiting time has doubled. ``due`` is the seconds that the answer is expected to take in
    any case; ``note`` is appended to the announcement."""

    what: str
    patience: float
    due: float = 0.0
    note: str = ""
    since: float = field(default_factory=time.monotonic)
    tell_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.tell_at = self.since + self.due + self.patience

    def sentence(self, now: float) -> str:
        """The announcement; also sets the time of the next one."""
        self.tell_at = now + max(now - self.since, self.patience)
        note = f"; {self.note}" if self.note else ""
        return f"waiting for {self.what}: no answer for {now - self.since:.0f} s{note}"


@contextlib.contextmanager
def on(what: str, patience: float = PROGRAM_SECONDS, *, due: float = 0.0) -> Iterator[Waiting]:
    """Register a wait for ``what`` during the block, which may set the note of the yielded wait."""
    wait = Waiting(what, patience, due)
    with _changed:
        _waits.append(wait)
        _changed.notify_all()
    try:
        yield wait
    finally:
        with _changed:
            _waits.remove(wait)


@contextlib.contextmanager
def announced(say: Callable[[str], None]) -> Iterator[None]:
    """Announce long waits with ``say``, from a thread, during the block. If several are due at
    once, only the longest is announced."""
    over = False

    def tell() -> None:
        while True:
            with _changed:
                if over:
                    return
                now = time.monotonic()
                due = [wait for wait in _waits if wait.tell_at <= now]
                if not due:
                    first = min((wait.tell_at for wait in _waits), default=now + PROGRAM_SECONDS)
                    _changed.wait(first - now)
                    continue
                sentences = [wait.sentence(now) for wait in sorted(due, key=lambda one: one.since)]
            say(sentences[0])

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with _changed:
            over = True
            _changed.notify_all()
