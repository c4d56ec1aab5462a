"""The container's main process: submits the job and keeps it running the newest code.

It ends with the job's code when the job fails again and again, or says that trying again is of
no use. When the code changes it stops the job and starts itself anew, so that an edit of this
file counts like any other.
"""

from __future__ import annotations

import contextlib
import enum
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from processing import heartbeat
from processing.settings import InvalidSetting, Settings, read_settings
from processing.source import PACKAGE, Source, Stamp, stamp

PACKAGES = (
    "org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1",
    "org.postgresql:postgresql:42.7.4",
)
# For a job this small Java's best compiler costs more than it gives: without it a start takes half
# the processor time (10 s for 19 s, measured on 2 cores).
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
CONFIGURATION = {
    "spark.jars.ivy": "/tmp/.ivy2",
    # Spark has these two already: 50 MB that each executor would fetch again.
    "spark.jars.excludes": (
        "org.apache.hadoop:hadoop-client-api,org.apache.hadoop:hadoop-client-runtime"
    ),
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": JAVA,
    "spark.executor.memory": "1g",
    "spark.executor.extraJavaOptions": JAVA,
    "spark.log.level": "WARN",
    "spark.ui.showConsoleProgress": "false",
    # Two tasks at once are enough for a small topic, and each holds a torch of its own.
    "spark.cores.max": "2",
    # Streams can't have it; Spark would say so at each start.
    "spark.sql.adaptive.enabled": "false",
    # The newer reader of Kafka fails when it first replays a batch: SPARK-55271, in 4.1.1.
    "spark.sql.streaming.disabledV2MicroBatchReaders": (
        "org.apache.spark.sql.kafka010.KafkaSourceProvider"
    ),
    "spark.sql.streaming.stopTimeout": "15s",
}
WATCH_SECONDS = 0.5
STOP_SECONDS = 30.0
MOST_FAILURES = 5
LONGEST_PAUSE_SECONDS = 16.0
FINAL_CODES = (4,)
"""Codes of the job that another try would only repeat (see job.py)."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Event(enum.Enum):
    """What the supervisor waits for."""

    STOP = "the container is to stop"
    CHANGED = "the code has changed"
    ENDED = "the job has ended"
    TIME = "the time is over"


def main() -> int:
    """Supervises the job until the container stops; gives the container's exit code."""
    try:
        settings = read_settings(os.environ)
    except InvalidSetting as error:
        say(str(error))
        return 1
    # Blocked, so that they can be waited for; the job gets them unblocked again.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    watch = Watch(Source.read())
    with tempfile.TemporaryDirectory(prefix="processing-") as folder:
        code = supervise(settings, watch, Path(folder))
    if code is None:
        os.execv(sys.executable, [sys.executable, "-m", f"{PACKAGE}.run"])
    return code


def supervise(settings: Settings, watch: Watch, folder: Path) -> int | None:
    """Runs the job over and over; gives its code at last, or None when the code has changed."""
    package, archive = watch.source.unpack(folder), watch.source.pack(folder)
    command = submit_command(settings, package / "job.py", archive, watch.source.version)
    failures = 0
    while True:
        heartbeat.clear()
        say(f"submitting code {watch.source.version}")
        job = start(command, folder)
        event = watch.wait(job)
        beat = heartbeat.read()
        stop(job, beat)
        heartbeat.clear()
        if event is Event.STOP:
            return 128 + signal.SIGTERM
        if event is Event.CHANGED:
            return None
        code = job.returncode if job.returncode > 0 else 128 - job.returncode
        worked = beat is not None and beat.state != heartbeat.STARTING
        failures = 1 if worked else failures + 1
        say(f"the job ended with code {code} ({failures} of {MOST_FAILURES})")
        if code in FINAL_CODES or failures >= MOST_FAILURES:
            return code or 1
        event = watch.wait(None, pause_seconds(failures))
        if event is Event.STOP:
            return 128 + signal.SIGTERM
        if event is Event.CHANGED:
            return None


def submit_command(settings: Settings, job: Path, archive: Path, version: str) -> list[str]:
    """The spark-submit that runs the job. Holds no secret: those stay in the environment."""
    command = ["spark-submit", "--master", settings.spark_master, "--name", "spark-processor"]
    command += ["--packages", ",".join(PACKAGES), "--py-files", str(archive)]
    for name, value in CONFIGURATION.items():
        command += ["--conf", f"{name}={value}"]
    return [*command, str(job), version]


def pause_seconds(failures: int) -> float:
    """How long to wait after that many failures in a row."""
    return min(float(2 ** (failures - 1)), LONGEST_PAUSE_SECONDS)


class Watch:
    """Waits for signals, for the job's end, and for code other than `source`."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._seen = stamp()
        # Not judged yet: the files may have changed between the reading and the stamp.
        self._judged: Stamp = ()

    def wait(self, job: subprocess.Popen[bytes] | None, seconds: float | None = None) -> Event:
        """The first thing that happens; TIME after so many seconds, if given."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            # Signals wake it at once. Files are looked at twice a second instead of watched by
            # inotify, which tells nothing of edits made on the other side of a virtual machine.
            got = signal.sigtimedwait(SIGNALS, WATCH_SECONDS)
            if got is not None and got.si_signo != signal.SIGCHLD:
                return Event.STOP
            if job is not None and job.poll() is not None:
                return Event.ENDED
            if self._has_new_code():
                return Event.CHANGED
            if end is not None and time.monotonic() >= end:
                return Event.TIME

    def _has_new_code(self) -> bool:
        now = stamp()
        if now != self._seen:  # an edit may still be going on: look again
            self._seen = now
            return False
        if now == self._judged:
            return False
        try:
            found = Source.read()
        except OSError:  # a file was just taken away
            return False
        self._judged = now
        if found.version == self.source.version:
            return False
        mistake = found.mistake()
        if mistake:
            say(f"the new code can't run ({mistake}); code {self.source.version} stays")
            return False
        say(f"the code has changed, from {self.source.version} to {found.version}")
        return True


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Starts the job as a process group of its own, in which signals work as usual."""
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(command[0])
    return subprocess.Popen(
        [program, *command[1:]],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_unblock_signals,
    )


def stop(job: subprocess.Popen[bytes], beat: heartbeat.Heartbeat | None) -> None:
    """Ends the job and all it started: asks the job itself, then insists."""
    if job.poll() is None:
        # To the job's Python and not to the JVM around it: told together, the JVM closes
        # Spark under the running batch, which then fails noisily.
        if beat is not None and heartbeat.is_alive(beat.pid):
            os.kill(beat.pid, signal.SIGTERM)
        else:
            job.terminate()
        end = time.monotonic() + STOP_SECONDS
        while job.poll() is None and time.monotonic() < end:
            signal.sigtimedwait((signal.SIGCHLD,), WATCH_SECONDS)
    with contextlib.suppress(ProcessLookupError):  # often nothing of it is left
        os.killpg(job.pid, signal.SIGKILL)
    job.wait()


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def say(line: str) -> None:
    """A line of the container's log."""
    print(f"spark-processor: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
