"""Which folders hold code, and so are never state: those that git tracks anything in."""

from __future__ import annotations

import os
from pathlib import Path

from composetasks.run import process

SEARCHED_DEPTH = 3
"""How deep below a folder a git repository of its own is looked for."""
UNTOLD = (
    "without files in git, data can't be told from code here; add it to stack.state in "
    "invoke.yaml to have it kept"
)


PLACEHOLDERS = frozenset([".empty", ".gitignore", ".gitkeep", ".keep", ".placeholder"])
"""Files that are tracked so that git, which knows no empty folder, makes one."""


def is_kept_empty(folder: Path) -> bool:
    """Whether git tracks a folder as an empty one: what else is in it is no code."""
    tracked = _git(folder, "ls-files", "-z") if os.path.isdir(folder) else None
    paths = [path for path in (tracked or "").split("\0") if path]
    return bool(paths) and all(Path(path).name in PLACEHOLDERS for path in paths)


def why_no_state(folder: Path, *, project: Path, named: bool) -> str:
    """Why a mounted folder (a real path) is no state; "" where it may be.

    ``named`` says that the settings name it, which is needed where no git tells code from state:
    where there is none, or where the repository around ``project`` tracks nothing in that (a copy
    in a folder that git ignores, a fresh ``git init``).
    """
    if _holds_repository(folder):
        return "it contains a git repository"
    tracked = _tracked_below(folder, project)
    if tracked:
        return "git tracks its content"
    if tracked is None and not named:
        return UNTOLD
    return ""


def _holds_repository(folder: Path) -> bool:
    base = len(folder.parts)
    for place, folders, files in os.walk(folder):
        if ".git" in folders or ".git" in files:
            return True
        if len(Path(place).parts) - base >= SEARCHED_DEPTH - 1:
            folders.clear()
    return False


def _tracked_below(folder: Path, project: Path) -> str | None:
    """A path that git tracks in ``folder``, "" where there is none; None where git tracks nothing
    in ``project`` (or in a repository within that, around the folder), and so can't tell.

    Git is asked from above, by the index alone: the folder may be unreadable, or not there yet.
    """
    above = next((place for place in folder.parents if os.path.isdir(place)), folder)
    try:
        command = ("ls-files", "-z", "--full-name", "--", str(folder))
        # On another file system than the repository, git finds that from its own side alone.
        tracked = _git(above, *command)
        tracked = _git(project, *command) if tracked is None else tracked
        if tracked is None or tracked:
            return tracked and tracked.split("\0", 1)[0]
        top = Path((_git(above, "rev-parse", "--show-toplevel") or str(project)).strip())
        around = top if project in top.parents else project
        return "" if _git(around, "ls-files", "-z") else None
    except process.ProgramError:
        return None


def _git(place: Path, *arguments: str) -> str | None:
    """What git says in a folder, of that folder where nothing else is named; None where it
    refuses, as it does without a repository."""
    done = process.run(["git", "-C", str(place), *arguments], check=False)
    return done.stdout if done.code == 0 else None
