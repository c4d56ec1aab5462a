"""The files that the latest commits changed."""

from __future__ import annotations

import os
from pathlib import Path

from composetasks.facts import Commits
from composetasks.run import git, process

LOOKED_AT = 200
WEEK_SECONDS = 7 * 24 * 3600
MARK = "\x01"


def last_commits(folder: Path) -> Commits | None:
    """Return the latest commits of the repository around ``folder``, with paths relative to it;
    None without a repository or git. Less than a week counts as one: it is no habit yet."""
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
    """Return the commits of a log. Each commit in it is a line of MARK and its time, followed by
    its paths relative to ``top``; returned paths are relative to ``folder``."""
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
    return git.run(folder, *arguments).stdout
