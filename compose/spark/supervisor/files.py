"""The small files by which job, supervisor and health check tell each other how things are.

The job writes `heartbeat.json` (processing/heartbeat.py); the supervisor writes `supervisor.json`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

# Not `tempfile.gettempdir()`: where that is full it gives another folder, to each program its own.
FOLDER = Path(os.environ.get("TMPDIR") or "/tmp", "processing")
FULL_BYTES = 65_536
STARTING = "starting"
WAITING = "waiting"
STREAMING = "streaming"
FAILED = "failed"


@dataclass(frozen=True)
class Heartbeat:
    """What the job says of itself: its process, its code, what it is doing since when, and why.

    `time` is when it said so, `batch_since` when the batch that it is in began (0: in none); both
    in seconds since the epoch. `done` are the batches in which it has scored posts.
    """

    pid: int
    version: str
    state: str
    time: float
    why: str = ""
    batch_since: float = 0.0
    done: int = 0


@dataclass(frozen=True)
class Supervision:
    """What the supervisor says: the code it runs ("" for none), the edit that can't run and why,
    and how the last run of the job failed."""

    version: str = ""
    refused: str = ""
    failed: str = ""


def read_heartbeat() -> Heartbeat | None:
    """The job's last word, or None where there is none."""
    found = _read("heartbeat.json")
    try:
        return Heartbeat(**{name: found[name] for name in _names(Heartbeat) if name in found})
    except TypeError:
        return None


def read_supervision() -> Supervision:
    """The supervisor's last word."""
    found = _read("supervisor.json")
    return Supervision(**{name: found[name] for name in _names(Supervision) if name in found})


def clear_heartbeat() -> None:
    """Forgets the last heartbeat: what it spoke of has ended."""
    (FOLDER / "heartbeat.json").unlink(missing_ok=True)


def write_supervision(word: Supervision) -> None:
    """Replaces the file as a whole. A full disk costs the word, and not the stream."""
    new = FOLDER / f"supervisor.{os.getpid()}.new"
    with contextlib.suppress(OSError):
        FOLDER.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(asdict(word)))
        new.replace(FOLDER / "supervisor.json")


def is_full() -> bool:
    """Whether there is no space left where these files are: then nobody can say how he is."""
    return shutil.disk_usage(FOLDER.parent).free < FULL_BYTES


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def _names(kind: type[Heartbeat | Supervision]) -> list[str]:
    return [field.name for field in fields(kind)]


def _read(name: str) -> dict[str, Any]:
    try:
        found = json.loads((FOLDER / name).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
