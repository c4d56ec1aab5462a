"""Runs git in a folder, and finds its folder.

A git hook's environment names the hook's own repository (``GIT_DIR``), and git would take any
folder for the top of its work tree. These variables are not passed on: git finds the repository
around the folder.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from composetasks.run import process

OF_A_REPOSITORY = frozenset(
    [
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_IMPLICIT_WORK_TREE"),
        *("GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_NAMESPACE"),
    ]
)
"""The variables that name a repository or a part of one (``git rev-parse --local-env-vars``,
without those of the configuration)."""


def run(
    folder: Path | str, *arguments: str, timeout: float | None = None, check: bool = True
) -> process.Completed:
    """Run git for the repository around ``folder``. Raises ProgramError, as process.run does."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_A_REPOSITORY}
    argv = ["git", "-C", str(folder), *arguments]
    return process.run(argv, env=environment, timeout=timeout, check=check)


def work_tree(directory: Path) -> Path | None:
    """The git work tree around ``directory``, found without starting git; None if there is none. A
    linked work tree has a file ``.git`` instead of a folder."""
    around = (directory, *directory.parents)
    return next((place for place in around if os.path.exists(place / ".git")), None)


def git_folder(directory: Path) -> Path | None:
    """The git folder of the work tree around ``directory``, found without starting git; None if
    there is none. A linked work tree has a file that names its git folder."""
    for place in (directory, *directory.parents):
        git = place / ".git"
        if os.path.isdir(git):
            return git
        if os.path.isfile(git):
            with contextlib.suppress(OSError, UnicodeError):
                return place / git.read_text("utf-8").removeprefix("gitdir:").strip()
    return None
