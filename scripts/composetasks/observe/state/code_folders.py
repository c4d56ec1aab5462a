"""Which folders contain code, and so are never state: those in which git tracks anything."""

from __future__ import annotations

import os
from pathlib import Path

from composetasks.run import git, process

SEARCHED_DEPTH = 3
"""How deep below a folder nested git repositories are searched for."""
UNTOLD = (
    "without files in git, data can't be told from code here; add it to stack.state in "
    "invoke.yaml to include it"
)


PLACEHOLDERS = frozenset([".empty", ".gitignore", ".gitkeep", ".keep", ".placeholder"])
"""Files that are tracked only so that git, which has no empty folders, creates the folder."""


def is_kept_empty(folder: Path) -> bool:
    """Tell whether git tracks a folder as an empty one: its other content is not code."""
    tracked = _git(folder, "ls-files", "-z") if os.path.isdir(folder) else None
    paths = [path for path in (tracked or "").split("\0") if path]
    return bool(paths) and all(Path(path).name in PLACEHOLDERS for path in paths)


def why_no_state(folder: Path, *, project: Path, named: bool) -> str:
    """Return why a mounted folder (a real path) is not state; "" if it may be.

    ``named`` is true if the settings name the folder. This is required if git can't distinguish
    code from state: without a repository, or if the repository around ``project`` tracks nothing in
    it (a copy in an ignored folder, a fresh ``git init``).
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
    """Return a path that git tracks in ``folder``, "" if there is none; None if git can't tell,
    since it tracks nothing in ``project`` (or in a repository inside it, around the folder).

    Git is asked from above and only reads its index: the folder may be unreadable or missing.
    """
    above = next((place for place in folder.parents if os.path.isdir(place)), folder)
    try:
        command = ("ls-files", "-z", "--full-name", "--", str(folder))
        # If the folder is on another file system, git finds the repository only from its own side.
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
    """Return git's output for a folder; None if git fails, as it does without a repository."""
    done = git.run(place, *arguments, check=False)
    return done.stdout if done.code == 0 else None
