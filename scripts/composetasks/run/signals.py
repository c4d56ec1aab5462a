"""The events that end a run from outside: Ctrl-C, SIGTERM, the loss of the terminal, an engine that
no longer answers. Each ends the run in the same way: its children are ended first, and what was
done is reported. Besides them, what to do about a reader that closes the output early.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from composetasks.facts import ExitCode

SAME_SECONDS = 0.1
"""Signals closer together count as one: Ctrl-C reaches a whole process group, in which another
program may pass it on, and ``timeout`` sends its signal twice."""
SHOW_CURSOR = b"\x1b[?25h\n"
SILENCE = signal.SIGUSR1
"""The thread that watches the engine interrupts the main thread's waits with this signal."""

WAKE = signal.SIGUSR2
"""Interrupts the main thread's wait if the kernel delivered a signal to another thread."""


class Terminated(BaseException):
    """SIGTERM arrived; not an Exception, so that no handler on the way mistakes it for a
    failure."""


class EngineSilent(BaseException):
    """The engine no longer answers; like :class:`Terminated`, not an Exception."""


def exit_code(end: BaseException) -> ExitCode:
    """The exit code of a run that Ctrl-C or SIGTERM ended."""
    return ExitCode.TERMINATED if isinstance(end, Terminated) else ExitCode.INTERRUPTED


_RAISED: dict[int, type[BaseException]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
    signal.SIGHUP: Terminated,
    SILENCE: EngineSilent,
}


class _Deferred:
    """The exception of a signal, pending while the main thread is in ``blocks`` of
    :func:`deferred`."""

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
    """Defer the exception that :func:`ended_politely` raises for a first signal to the end of the
    block, so that a document that is being written is completed."""
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
    """Raise the first signal as an exception in the block: KeyboardInterrupt, Terminated or
    EngineSilent. A second signal calls ``at_once`` and ends the process immediately.

    If SIGHUP was ignored before, it stays ignored (``nohup inv up``).

    After a block that a signal ended, signals are ignored: the exit is short, and another signal
    would only cut off the last output.
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
            # If KeyboardInterrupt leaves an ``exec`` of text (as when dataclasses compile a
            # method), Python records it as unhandled and would exit by SIGINT, whatever the exit
            # code. The next ``exec`` clears that record (run_eval_code_obj in pythonrun.c).
            exec("")  # noqa: S102
        else:
            for number, previous in before.items():
                signal.signal(number, previous)
            # During the interpreter's own shutdown, a signal would cause a traceback.
            atexit.register(ignore_signals)


@contextlib.contextmanager
def _main_thread_is_woken() -> Iterator[None]:
    """Make sure that the main thread runs signal handlers in the block, whatever it waits for.

    If two signals arrive at once, the kernel may deliver one or both to another thread. Python
    records them, but only the main thread runs handlers, and nothing interrupts its wait for a
    lock: it would wait for ever.
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


def discard_output() -> None:
    """Send what is still written to stdout to nowhere: its reader closed it early, as `head` does,
    and Python's flush at exit would fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def ignore_signals() -> None:
    """Ignore all these signals from now on."""
    for number in _RAISED:
        signal.signal(number, signal.SIG_IGN)
