"""What the last commits changed."""

from __future__ import annotations

import os
from pathlib import Path

from composetasks.facts import Commits
from composetasks.run import process

LOOKED_AT = 200
WEEK_SECONDS = 7 * 24 * 3600
MARK = "\x01"


def last_commits(folder: Path) -> Commits | None:
    """The last commits of the repository around ``folder``, paths relative to it; None where
    there is none, or no git. Fewer days than a week count as one: they are no habit yet."""
    try:
        top = _git(folder, "rev-parse", "--show-toplevel").strip()
        log = _git(
            folder,
            *("-c", "core.quotePath=false", "log", f"-{LOOKED_AT}", "--name-only"),
            *("--no-renames", f"--format={MARK}%ct"),
        )
    except process.ProgramError:
        return None
    return read_log(log, top, os.path.realpath(folder))


def read_log(log: str, top: str, folder: str) -> Commits:
    """The commits of a log, each a line of MARK and its time followed by its paths, which are
    relative to ``top``; those of the commits are to ``folder``."""
    above = os.path.relpath(folder, top)
    inner = "" if above == os.curdir else f"{above}/"
    changed, times = [], []
    for part in log.split(MARK)[1:]:
        time, *paths = part.splitlines()
        changed.append(
            frozenset(
                path[len(inner) :] if path.startswith(inner) else os.path.relpath(path, above)
                for path in paths
                if path
            )
        )
        if time.isdigit():
            times.append(int(time))
    span = max(times, default=0) - min(times, default=0)
    return Commits(tuple(changed), max(1.0, span / WEEK_SECONDS))


def _git(folder: Path, *arguments: str) -> str:
    return process.run(["git", *arguments], cwd=folder).stdout
