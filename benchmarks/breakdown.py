"""The time of one `inv` command, broken down by rooms (see benchmarks/rooms.py)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.framework import ROOT
from benchmarks.scratch import Failed, Scratch


def by_room(project: Scratch, *arguments: str, deep: bool = False) -> dict[str, float]:
    """The seconds of one run by room; see benchmarks/rooms.py."""
    return rooms_of(project.folder, project.environment, *arguments, deep=deep)


def rooms_of(
    folder: Path, environment: dict[str, str], *arguments: str, deep: bool = False
) -> dict[str, float]:
    """Like :func:`by_room`, in any folder."""
    began = time.monotonic()
    program = [sys.executable, str(ROOT / "benchmarks" / "rooms.py"), *(["--deep"] if deep else [])]
    done = subprocess.run(
        [*program, *arguments],
        cwd=folder,
        env={**environment, "BENCH_BEGAN": str(began)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"inv {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    whole = time.monotonic() - began
    took: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return {**took, "interpreter's end": whole - sum(took.values())}


def by_step(lines: str) -> dict[str, float]:
    """The seconds by step action, from the JSON lines that a task printed."""
    first, *events = (json.loads(line) for line in lines.splitlines())
    actions = {step["id"]: step["action"] for step in first["steps"]}
    took: dict[str, float] = {}
    for event in events:
        if event["event"] == "step-done":
            action = actions[event["step"]]
            took[action] = took.get(action, 0.0) + event["seconds"]
    return took
