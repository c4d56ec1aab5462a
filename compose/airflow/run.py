"""The container's main process: prepares Airflow's database, then keeps Airflow's parts running.

`airflow standalone` starts the same parts, but takes no notice when one ends: after a restart of
the database its scheduler is gone for good. There is no triggerer here: no task of the stack waits
for one.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
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
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    due: float = 0.0

    def look(self) -> None:
        """Note that it has ended, or start it when it is due."""
        now = time.monotonic()
        if self.process is not None and (code := self.process.poll()) is not None:
            self.pause = 1.0 if now - self.started > WORKED_SECONDS else self.pause * 2
            self.pause = min(self.pause, LONGEST_PAUSE_SECONDS)
            self.due = now + self.pause
            self.process = None
            say(f"{self.name} exited with code {code}; starting it again in {self.pause:.0f} s")
        if self.process is None and now >= self.due:
            self.process = start("airflow", self.name)
            self.started = now


def main() -> int:
    """0 after a stop, or the code of the preparation that failed."""
    write_passwords(Path(os.environ["PGPASSFILE"]))
    # Its parts trust each other by this key: one for each start of the container is enough.
    os.environ.setdefault("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_urlsafe(32))
    prepared = subprocess.run(["airflow", "db", "migrate"], check=False)
    if prepared.returncode:
        say("the database can't be prepared")
        return prepared.returncode
    # Blocked, so that they can be waited for; the parts get them unblocked again.
    signal.pthread_sigmask(signal.SIG_BLOCK, (*STOP, signal.SIGCHLD))
    parts = [Part(name) for name in PARTS]
    cleanup = None
    due = time.monotonic() + FIRST_CLEANUP_SECONDS
    while True:
        for part in parts:
            part.look()
        if time.monotonic() >= due and (cleanup is None or cleanup.poll() is not None):
            cleanup = start(sys.executable, "/opt/tools/cleanup.py")
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


def start(*command: str) -> subprocess.Popen[bytes]:
    """A program, as a process group of its own: a stop reaches it through this program alone."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=unblock
    )


def unblock() -> None:
    """Signals work as usual in a part."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOP, signal.SIGCHLD))


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End all parts: ask first, insist at last."""
    for process in processes:
        process.terminate()
    end = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def say(message: str) -> None:
    """A line in the container's log."""
    print(f"airflow: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
