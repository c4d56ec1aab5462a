"""Which code runs, when it is started again, and when another takes its place."""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from supervisor import files, kept
from supervisor.child import SIGNALS, Child
from supervisor.files import Supervision
from supervisor.source import PACKAGE, Source, Stamp, stamp

WATCH_SECONDS = 0.5
CHECK_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 60.0
MOST_FAILURES = 2
"""Failures in a row after which code that never worked is taken back."""
FINAL_CODES = {4, 6}
"""Codes of the job that another try would only repeat: checkpoint and topic don't fit; a setting
is wrong (processing/job.py, processing/submit.py)."""
OUTSIDE_CODE = 5
"""The job's code where what is around it is at fault, and no other code would do better."""
SIGNALLED = 128
"""What a shell adds to the number of the signal that ended a program."""
STOPPED = SIGNALLED + signal.SIGTERM


class Event(enum.Enum):
    """What the supervisor waits for."""

    STOP = "the container is to stop"
    CHANGED = "the code on disk is another"
    ENDED = "the job has ended"
    TIME = "the time is over"


class Supervisor:
    """Runs one version of the code after the other.

    `folder` is the code as people edit it. In `state`, which outlives the container, the last
    version that worked is kept.
    """

    def __init__(self, folder: Path, state: Path) -> None:
        self._folder = folder
        self._scratch = files.FOLDER / "code"
        self._state = state
        self._seen: Stamp = ()
        self._judged: Stamp | None = None
        self._newest = Source({})
        self._current: Source | None = None
        self._good = kept.read(state)
        self._refused = ""
        self._refused_version = ""
        self._failed = ""
        self._imported: set[str] = set()

    def run(self) -> int:
        """Until the container is to stop, or trying again is of no use."""
        # What a container that was killed has left.
        files.clear_heartbeat()
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._look()
        self._current = self._first()
        failures = 0
        while True:
            event, code, worked = Event.TIME, 0, False
            if self._current is not None:
                event, code, worked = self._one_run(self._current)
            if event is Event.ENDED:
                failures = 1 if worked else failures + 1
                other = self._other()
                if code in FINAL_CODES and (worked or other is None):
                    return code
                if not worked and self._is_bad(code, failures, other):
                    self._current, failures = other, 0
                    continue
                event = self._wait(None, pause_seconds(failures))
            elif event is Event.TIME:
                event = self._wait(None)
            if event is Event.STOP:
                return STOPPED
            if event is Event.CHANGED:
                self._current, failures = self._newest, 0
                self._refused = self._refused_version = self._failed = ""

    def _one_run(self, source: Source) -> tuple[Event, int, bool]:
        """The job from its start to whatever comes: what came, its code, and whether it worked.

        It has worked when it has done a batch: code that has had nothing to do proves nothing. It
        is kept all the same where nothing else is.
        """
        files.clear_heartbeat()
        self._tell()
        place = self._scratch / source.version
        try:
            source.unpack(place)
            archive = source.pack(place)
        except OSError as error:
            self._fail(f"the job can't be started: {error}")
            return Event.ENDED, OUTSIDE_CODE, False
        say(f"submitting code {source.version}")
        command = [sys.executable, "-m", f"{PACKAGE}.submit", source.version, str(archive)]
        job = Child(command, place)
        worked = False

        def works() -> None:
            nonlocal worked
            beat = files.read_heartbeat()
            if not worked and beat is not None and beat.done:
                worked = True
                self._failed = ""
                self._tell()
                self._keep(source)
            elif self._good is None and beat is not None and beat.state == files.STREAMING:
                self._keep(source)

        event = self._wait(job, look=works)
        works()
        beat = files.read_heartbeat()
        code = job.code() or 0
        job.stop(beat.pid if beat is not None and files.is_alive(beat.pid) else None)
        if event is Event.ENDED:
            reason = beat.why if beat is not None and beat.state == files.FAILED else ""
            if not reason and code - SIGNALLED in signal.valid_signals():
                reason = f"killed by signal {code - SIGNALLED}"
            reason = reason or job.last_error() or "its log says why"
            self._fail(f"the job exited with code {code}: {reason}")
        files.clear_heartbeat()
        return event, code, worked

    def _first(self) -> Source | None:
        """What to start with: the code on disk, else the code that worked before. Only where that
        is other code is there a use in trying to import what the job imports anyway."""
        newest, good = self._newest, self._good
        if not newest.files:
            return good
        mistake = None
        if good is not None and good != newest:
            with contextlib.suppress(OSError):  # the job's own start will say so
                mistake = self._import(newest)
        if mistake is None:
            return newest
        self._refuse(newest, mistake)
        return good

    def _other(self) -> Source | None:
        """Other code than the one that runs, which is known to work."""
        good, current = self._good, self._current
        same = good is None or current is None or good.version == current.version
        return None if same else good

    def _is_bad(self, code: int, failures: int, other: Source | None) -> bool:
        """Whether the code that runs is at fault, and not what is around it: it can't be
        imported, or there is other code that worked where this does not."""
        assert self._current is not None
        if code == OUTSIDE_CODE or os.strerror(errno.ENOSPC) in self._failed:
            return False
        try:
            mistake = self._import(self._current)
        except OSError:
            return False
        if (
            mistake is None
            and other is not None
            and (code in FINAL_CODES or failures >= MOST_FAILURES)
        ):
            mistake = self._failed
        if mistake is not None:
            self._refuse(self._current, mistake)
        return mistake is not None

    def _fail(self, why: str) -> None:
        self._failed = why
        self._tell()
        say(why)

    def _refuse(self, source: Source, mistake: str) -> None:
        others = [one for one in (self._current, self._good) if one and one != source]
        then = f"code {others[0].version} stays" if others else "mend it, and it is started"
        self._refused = f"the edit can't run ({mistake}); {then}"
        self._refused_version = source.version
        self._tell()
        say(self._refused)

    def _postpone(self, why: str) -> None:
        """Looks at the code on disk again, as if it were new. Says why when that is another."""
        self._judged = None
        if self._refused != why:
            self._refused = why
            self._tell()
            say(why)

    def _tell(self) -> None:
        version = self._current.version if self._current else ""
        files.write_supervision(Supervision(version, self._refused, self._failed))

    def _keep(self, source: Source) -> None:
        """Remembers code that works, here and for the container's next start."""
        if self._good == source:
            return
        self._good = source
        try:
            kept.write(self._state, source)
        except OSError as error:
            say(f"the code that works can't be kept: {error}")

    def _wait(
        self,
        job: Child | None,
        seconds: float | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> Event:
        """The first thing that happens; TIME after so many seconds, if given."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            # Signals wake it at once. Files are looked at twice a second instead of watched by
            # inotify, which tells nothing of edits made on the other side of a virtual machine.
            got = signal.sigtimedwait(SIGNALS, WATCH_SECONDS)
            if got is not None and got.si_signo != signal.SIGCHLD:
                return Event.STOP
            if job is not None and job.code() is not None:
                return Event.ENDED
            look()
            if self._look() and self._can_take_over():
                return Event.CHANGED
            if end is not None and time.monotonic() >= end:
                return Event.TIME

    def _look(self) -> bool:
        """Reads the code again where it has changed and is at rest; whether that was so."""
        now = stamp(self._folder)
        if now != self._seen and self._judged is not None:
            # An edit may still be going on: look again.
            self._seen = now
            return False
        if now == self._judged:
            return False
        try:
            found = Source.read(self._folder)
        except FileNotFoundError:  # it was just taken away
            return False
        except OSError as error:
            self._postpone(f"the code can't be read: {error}")
            return False
        if not found.files:
            self._postpone(f"there is no code in {self._folder}")
            return False
        self._seen = self._judged = now
        self._newest = found
        return True

    def _can_take_over(self) -> bool:
        """Whether the code on disk is other code than runs, and can be imported."""
        running = self._current.version if self._current else ""
        if self._newest.version == running:
            if self._refused:
                self._refused = self._refused_version = ""
                self._tell()
                say(f"the code on disk is {running} again")
            return False
        if self._newest.version == self._refused_version:
            return False
        try:
            mistake = self._import(self._newest)
        except OSError as error:
            self._postpone(f"the edit can't be tried yet: {error}")
            return False
        if mistake is not None:
            self._refuse(self._newest, mistake)
            return False
        say(f"the code has changed, from {running or 'none'} to {self._newest.version}")
        return True

    def _import(self, source: Source) -> str | None:
        """Why the code can't be imported, told by a process that tries; None where it can.

        Raises OSError where it can't be tried: the disk is full."""
        if source.version in self._imported:
            return None
        place = self._scratch / "check"
        source.unpack(place)
        report = place / "report"
        program = Path(__file__).with_name("imports.py")
        with report.open("wb") as out:
            check = Child([sys.executable, str(program), PACKAGE], place, out)
        mistake = f"not imported within {CHECK_SECONDS:.0f} s"
        end = time.monotonic() + CHECK_SECONDS
        while check.code() is None and time.monotonic() < end and not _is_to_stop():
            signal.sigtimedwait((signal.SIGCHLD,), WATCH_SECONDS)
            if source == self._newest and self._judged not in (None, stamp(self._folder)):
                mistake = "edited again before it was imported"
                break
        code = check.code()
        check.stop()
        if code is None:
            return mistake
        if code == 0:
            self._imported.add(source.version)
            return None
        lines = report.read_text(errors="replace").splitlines()
        return lines[-1] if lines else f"the import exited with code {code}"


def _is_to_stop() -> bool:
    return bool({signal.SIGTERM, signal.SIGINT} & signal.sigpending())


def pause_seconds(failures: int) -> float:
    """How long to wait after that many failures in a row."""
    return min(float(2 ** min(failures - 1, 10)), LONGEST_PAUSE_SECONDS)


def say(line: str) -> None:
    """A line of the container's log."""
    print(f"spark-processor: {line}", flush=True)
