"""One changing task at a time per project or instance, by a lock that the kernel releases.

The lock is a plain ``flock``, so it can't become stale, however its holder ended. (The filelock
package does the same, but adds 40 ms of imports to each task's start.)
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from composetasks.facts import ExitCode
from composetasks.run import owner
from composetasks.run.external_failures import unless_full
from composetasks.run.failure import TaskFailure
from composetasks.store.folder import closed, not_a, now


@contextlib.contextmanager
def hold(path: Path, verb: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock file ``path`` for the block, waiting up to ``wait_seconds`` for it.

    Raises TaskFailure, code 75, which says who holds it and since when, and FileNotFoundError if
    its folder was removed meanwhile (the instance was ended).
    """
    with _held(path, verb, lambda descriptor: _acquire(descriptor, wait_seconds)):
        yield


@contextlib.contextmanager
def take_over(path: Path, verb: str, grace_seconds: float) -> Iterator[None]:
    """Hold the lock for the block; its current holder gets SIGTERM, and is killed after
    ``grace_seconds``. Raises FileNotFoundError if the folder does not exist."""
    with _held(path, verb, lambda descriptor: _take(descriptor, grace_seconds)):
        yield


@contextlib.contextmanager
def _held(path: Path, verb: str, acquire: Callable[[int], None]) -> Iterator[None]:
    descriptor = _opened(path, acquire)
    try:
        process = owner.of(os.getpid())
        holder = {
            "pid": os.getpid(),
            "process": process.text if process else "",
            "verb": verb,
            "since": now(),
        }
        os.ftruncate(descriptor, 0)
        with unless_full():  # the lock is held all the same; only its holder is not recorded
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)  # the next holder must not be mistaken for this process
    finally:
        os.close(descriptor)


def _opened(path: Path, acquire: Callable[[int], None]) -> int:
    """The acquired lock file: the current one, not one that its last holder removed."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unusable(path, error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _unusable(path)
        try:
            acquire(descriptor)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _unusable(path: Path, error: OSError | None = None) -> TaskFailure:
    if error is not None and error.errno in (errno.EACCES, errno.EROFS):
        return closed(path)
    if error is not None and error.errno not in (errno.EISDIR, errno.ELOOP, errno.ENXIO):
        raise error
    return not_a(path, "regular file")


def _take(descriptor: int, grace_seconds: float) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
        if _acquired(descriptor):
            return
        holder = _holding(descriptor)
        if holder is not None and holder.pid != os.getpid() and owner.alive(holder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder.pid, number)
            owner.wait_for_end(holder, grace_seconds)
    if not _acquire_within(descriptor, grace_seconds):
        raise _locked(descriptor)


def _acquire(descriptor: int, wait_seconds: float) -> None:
    if not (
        _acquired(descriptor) or (wait_seconds > 0 and _acquire_within(descriptor, wait_seconds))
    ):
        raise _locked(descriptor)


def _acquired(descriptor: int) -> bool:
    """Take the lock if nobody holds it; tell whether it was taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(descriptor: int) -> TaskFailure:
    return TaskFailure(
        f"another run holds the lock: {_holder(descriptor)}",
        code=ExitCode.LOCKED,
        hint="wait for it to end, or give --wait-lock SECONDS",
    )


class _TimedOut(Exception):
    """The time to wait for the lock is over."""


def _acquire_within(descriptor: int, seconds: float) -> bool:
    """Wait in the kernel for the lock, with a timer to interrupt the call: no polling."""
    if threading.current_thread() is not threading.main_thread():
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True

    def late(_number: int, _frame: object) -> None:
        raise _TimedOut

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except _TimedOut:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return True


def _holding(descriptor: int) -> owner.Owner | None:
    """The recorded holder of the lock. After a holder was killed and before the next one has
    written its record, another process with the old id must not be ended: hence the start time."""
    try:
        return owner.parse(json.loads(os.pread(descriptor, 4096, 0))["process"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"`{holder['verb']}`, process {holder['pid']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "a run that has just started"
