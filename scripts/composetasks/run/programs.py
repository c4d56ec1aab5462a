"""Programs that go on working on an instance when the task that started them was killed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

GRACE_SECONDS = 5.0


def end_programs(override: Path) -> list[str]:
    """End every Docker program of ours that works on the project of this override file, politely
    first; returns their names. (A shell that merely has the variable is left alone.)"""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("docker") and str(override) in _files(process.environ()):
                process.terminate()
                found.append(process)
    names = [f"{process.pid}" for process in found]
    _, left = psutil.wait_procs(found, GRACE_SECONDS)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, GRACE_SECONDS)
    return names


def _files(environment: dict[str, str]) -> list[str]:
    return environment.get("COMPOSE_FILE", "").split(os.pathsep)
