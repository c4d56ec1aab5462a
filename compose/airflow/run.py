"""The container's main process: prepares Airflow's database, then keeps Airflow's parts running.

`airflow standalone` starts the same parts, but takes no notice when one ends: after a restart of
the database its scheduler is gone for good. There is no triggerer here: no task of the stack waits
for one.

The parts are forks of this program: what all of them import is imported once, which costs two
seconds of processor time.
"""

import gc
import importlib
import multiprocessing
import os
import runpy
import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path

PARTS = ("api-server", "scheduler", "dag-processor")
STOP_SECONDS = 20.0
LONGEST_PAUSE_SECONDS = 16.0
# A part that ran for so long has worked: its next failure is a new one.
WORKED_SECONDS = 60.0
# After a start others have more need of the processor.
FIRST_CLEANUP_SECONDS = 600.0
CLEANUP_SECONDS = 24 * 3600.0
STOP = (signal.SIGTERM, signal.SIGINT)
SECRETS = Path("/run/secrets")
ROLES = ("airflow", "crawler", "reader")
"""Of the database: Airflow's own, the DAG's, and that of the stack's check."""


@dataclass
class Part:
    """One of Airflow's programs, and when it is to be started again if it doesn't run."""

    name: str
    process: ForkProcess | None = None
    started: float = 0.0
    pause: float = 1.0
    due: float = 0.0

    def look(self) -> None:
        """Note that it has ended, or start it when it is due."""
        now = time.monotonic()
        if self.process is not None and (code := self.process.exitcode) is not None:
            self.pause = 1.0 if now - self.started > WORKED_SECONDS else self.pause * 2
            self.pause = min(self.pause, LONGEST_PAUSE_SECONDS)
            self.due = now + self.pause
            self.process = None
            say(f"{self.name} exited with code {code}; starting it again in {self.pause:.0f} s")
        if self.process is None and now >= self.due:
            self.process = start(run_airflow, self.name)
            self.started = now


def main() -> int:
    """0 after a stop, or the code of the preparation that failed."""
    write_passwords(Path(os.environ["PGPASSFILE"]))
    # Its parts trust each other by this key: one for each start of the container is enough.
    os.environ.setdefault("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_urlsafe(32))
    import_airflow()
    migration = start(run_airflow, "db", "migrate")
    migration.join()
    if migration.exitcode:
        say("the database can't be prepared")
        return migration.exitcode
    # Blocked, so that they can be waited for; the parts get them unblocked again.
    signal.pthread_sigmask(signal.SIG_BLOCK, (*STOP, signal.SIGCHLD))
    parts = [Part(name) for name in PARTS]
    cleanup = None
    due = time.monotonic() + FIRST_CLEANUP_SECONDS
    while True:
        for part in parts:
            part.look()
        if time.monotonic() >= due and (cleanup is None or cleanup.exitcode is not None):
            cleanup = start(runpy.run_path, "/opt/tools/cleanup.py", None, "__main__")
            due = time.monotonic() + CLEANUP_SECONDS
        # Woken by a stop, by the end of a part, or once a second to see what is due.
        received = signal.sigtimedwait((*STOP, signal.SIGCHLD), 1.0)
        if received is not None and received.si_signo in STOP:
            running = [cleanup, *(part.process for part in parts)]
            stop([process for process in running if process is not None])
            return 0


def write_passwords(file: Path) -> None:
    """The secrets as PostgreSQL's drivers look them up, whoever starts them in this container."""
    lines = []
    for role in ROLES:
        password = (SECRETS / f"{role}_password").read_text().rstrip("\n")
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        lines.append(f"*:*:*:{role}:{escaped}\n")
    file.touch(mode=0o600)  # the drivers pass over a file that others may read
    file.write_text("".join(lines))


def import_airflow() -> None:
    """Once the environment is complete: Airflow reads it as it is imported."""
    importlib.import_module("airflow.__main__")
    importlib.import_module("airflow.models").import_all_models()
    # Objects that the garbage collector leaves alone stay shared.
    gc.collect()
    gc.freeze()


def start(act: Callable[..., object], *arguments: object) -> ForkProcess:
    """A program, as a process group of its own: a stop reaches it through this program alone."""
    fork = multiprocessing.get_context("fork")
    # By that name Airflow's scheduler knows that a signal is meant for it, and for no fork of it.
    process = fork.Process(name="MainProcess", target=begin, args=(act, *arguments))
    process.start()
    return process


def begin(act: Callable[..., object], *arguments: object) -> None:
    """What a fork does: signals work as usual in it."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOP, signal.SIGCHLD))
    act(*arguments)


def run_airflow(*arguments: str) -> None:
    """Airflow's command."""
    sys.argv = ["airflow", *arguments]
    importlib.import_module("setproctitle").setproctitle(" ".join(sys.argv))
    importlib.import_module("airflow.__main__").main()


def stop(processes: list[ForkProcess]) -> None:
    """End all parts: ask first, insist at last."""
    for process in processes:
        process.terminate()
    end = time.monotonic() + STOP_SECONDS
    for process in processes:
        process.join(max(0.0, end - time.monotonic()))
        if process.pid is not None and process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()


def say(message: str) -> None:
    """A line in the container's log."""
    print(f"airflow: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
