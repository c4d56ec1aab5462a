"""A small file that says how the stream is: written by the job, read by its supervisor and by
the health check."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(tempfile.gettempdir(), "processing", "heartbeat.json")
STARTING = "starting"
STREAMING = "streaming"
OLDEST_SECONDS = 60.0
"""A working stream says so every ten seconds, and before and after each batch."""


@dataclass(frozen=True)
class Heartbeat:
    """The job's process, what it is doing, and when it said so (seconds since the epoch)."""

    pid: int
    state: str
    time: float


def write(beat: Heartbeat, file: Path = FILE) -> None:
    """Replaces the file as a whole: a reader never sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}.new")
    new.write_text(json.dumps(asdict(beat)))
    new.replace(file)


def read(file: Path = FILE) -> Heartbeat | None:
    """The last heartbeat, or None where there is none."""
    try:
        return Heartbeat(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def clear(file: Path = FILE) -> None:
    """Forgets the last heartbeat: what it spoke of has ended."""
    file.unlink(missing_ok=True)


def complaint(beat: Heartbeat | None, now: float, alive: bool) -> str | None:
    """Why the stream isn't working, in one line, or None when it is.

    `alive`: whether the heartbeat's process runs.
    """
    if beat is None:
        return "the job isn't running"
    if not alive:
        return f"the job (process {beat.pid}) has ended"
    if beat.state != STREAMING:
        return f"the job is {beat.state}"
    if now - beat.time > OLDEST_SECONDS:
        return f"the stream has said nothing for {now - beat.time:.0f} s"
    return None


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")
