"""What this run waits for at this moment, so that a wait which takes long can be told.

Whoever waits for an answer of the outside (the engine, a program, a file system) does so within
:func:`on`; :func:`told` has a thread say what is still waited for, more and more rarely.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

ENGINE_SECONDS = 5.0
"""After how long a silent engine is told. Its answers take milliseconds."""
WORK = 3
"""What the engine is asked to do may take so many times as long as what it is asked to tell."""
PROGRAM_SECONDS = 8.0
"""After how long the silence of anything else is told."""
QUIET_SECONDS = 30.0
"""The same for a program whose every line is shown, as a build is: it was heard before."""

_waits: list[Waiting] = []
_changed = threading.Condition()


@dataclass(eq=False)
class Waiting:
    """One wait for ``what``, told after ``patience`` seconds without an answer, and again each time
    that has doubled. Where ``due`` is set that is how many seconds it takes by itself; ``note`` is
    what is to be known of it."""

    what: str
    patience: float
    due: float = 0.0
    note: str = ""
    since: float = field(default_factory=time.monotonic)
    tell_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.tell_at = self.since + self.due + self.patience

    def sentence(self, now: float) -> str:
        """What is told of it, and when to tell it next."""
        self.tell_at = now + max(now - self.since, self.patience)
        note = f"; {self.note}" if self.note else ""
        return f"waiting for {self.what}: no answer for {now - self.since:.0f} s{note}"


@contextlib.contextmanager
def on(what: str, patience: float = PROGRAM_SECONDS, *, due: float = 0.0) -> Iterator[Waiting]:
    """For the block, this is what is waited for; who learns more of it meanwhile says so there."""
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
    """For the block, ``say`` what takes long, from a thread. Of several that are due at once only
    the longest is said."""
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
