"""What ends a run from outside: Ctrl-C, SIGTERM, the loss of the terminal, an engine that does not
answer any more. Each ends it in the same way: children first, and said what was done.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from composetasks.facts import ExitCode

SAME_SECONDS = 0.1
"""Signals closer together are one: a Ctrl-C reaches a whole process group, in which another
program may pass it on, and ``timeout`` sends its signal twice."""
SHOW_CURSOR = b"\x1b[?25h\n"
SILENCE = signal.SIGUSR1
"""What the thread that watches the engine wakes the main thread with, whatever that waits for."""

WAKE = signal.SIGUSR2
"""What the main thread is woken with where another thread was given a signal."""


class Terminated(BaseException):
    """SIGTERM arrived; not an Exception, so that nothing on the way mistakes it for a failure."""


class EngineSilent(BaseException):
    """The engine does not answer any more; not an Exception, as :class:`Terminated`."""


def exit_code(end: BaseException) -> ExitCode:
    """The code of a run that Ctrl-C or SIGTERM ended."""
    return ExitCode.TERMINATED if isinstance(end, Terminated) else ExitCode.INTERRUPTED


_RAISED: dict[int, type[BaseException]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
    signal.SIGHUP: Terminated,
    SILENCE: EngineSilent,
}


class _Deferred:
    """What a signal raises, kept while the main thread is in ``blocks`` of :func:`deferred`."""

    def __init__(self) -> None:
        self.blocks = 0
        self.pending: type[BaseException] | None = None

    def raise_or_keep(self, end: type[BaseException]) -> None:
        if not self.blocks:
            raise end
        self.pending = end

    def leave(self) -> None:
        self.blocks -= 1
        if not self.blocks and self.pending is not None:
            end, self.pending = self.pending, None
            raise end


_deferred = _Deferred()


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """For the block, keep what :func:`ended_politely` raises for a first signal, and raise it at
    the end of the block: a document that is being written is written completely."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _deferred.blocks += 1
    try:
        yield
    finally:
        _deferred.leave()


@contextlib.contextmanager
def ended_politely(at_once: Callable[[], None]) -> Iterator[None]:
    """For the block, turn the first signal into its exception: KeyboardInterrupt, Terminated or
    EngineSilent. A second one calls ``at_once`` and ends the process there and then.

    A terminal's loss that is ignored stays so (``nohup inv up``).

    After a block that was ended so, signals are ignored: the way out is short, and another one
    would only cut the last words off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first: list[tuple[int, float]] = []

    def handler(number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not first:
            first.append((number, now))
            _deferred.raise_or_keep(_RAISED[number])
            return
        if number == SILENCE or now - first[0][1] < SAME_SECONDS:
            return
        at_once()
        if os.isatty(2):
            os.write(2, SHOW_CURSOR)
        os.write(2, b"error: interrupted a second time; the current operation was cut short\n")
        os._exit(143 if number != signal.SIGINT else 130)

    heard = set(_RAISED)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        heard.remove(signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        with _main_thread_is_woken():
            yield
    finally:
        if first:
            ignore_signals()
            # KeyboardInterrupt that leaves an ``exec`` of text (a dataclass that is being made) is
            # noted as nobody's: Python would end by SIGINT, whatever the exit code. The next
            # ``exec`` forgets that (run_eval_code_obj in pythonrun.c).
            exec("")  # noqa: S102
        else:
            for number, previous in before.items():
                signal.signal(number, previous)
            # What is left is the interpreter's own end, which would answer with a traceback.
            atexit.register(ignore_signals)


@contextlib.contextmanager
def _main_thread_is_woken() -> Iterator[None]:
    """For the block, see that the main thread runs the handlers of signals, whatever it waits for.

    Of two signals that arrive at once, the kernel gives one, or both, to another thread. Python
    notes them then, but nothing ends the wait of the main thread for a lock, which alone runs
    handlers: it would wait on for ever.
    """
    main = threading.main_thread().ident
    assert main is not None
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def wake() -> None:
        while numbers := os.read(reader, 64):
            if set(numbers) != {WAKE}:
                signal.pthread_kill(main, WAKE)
        os.close(reader)

    before = signal.signal(WAKE, lambda _number, _frame: None)
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    waker = threading.Thread(target=wake, daemon=True)
    waker.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        os.close(writer)
        waker.join()
        signal.signal(WAKE, before)


def engine_silent() -> None:
    """Raise :class:`EngineSilent` in the main thread."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, SILENCE)


def ignore_signals() -> None:
    """Be deaf from here on."""
    for number in _RAISED:
        signal.signal(number, signal.SIG_IGN)
