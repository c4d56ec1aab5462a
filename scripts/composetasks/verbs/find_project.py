"""Finds the project for a folder, for the program `composetasks`; `inv` looks for ``tasks.py``
only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from composetasks.observe.compose import project_files, sources

OURS = "composetasks"
"""The word that a ``tasks.py`` of this library contains. Another file of that name (Celery's, for
example) may do anything when it is imported."""


class FoundProject(NamedTuple):
    """A project's folder, and whether it has a ``tasks.py`` of this library, which then runs it."""

    folder: Path
    has_tasks: bool


def find_project(stands: Path) -> FoundProject:
    """The project of the nearest ``tasks.py`` of this library, searched as Invoke does but not
    beyond the repository; else the project of the compose file; else the folder itself."""
    for place in _upward_in_repository(stands):
        if any(OURS in project_files.text(path) for path in _task_files(place)):
            return FoundProject(place, has_tasks=True)
    return FoundProject(sources.project_folder(stands, os.environ) or stands, has_tasks=False)


def _upward_in_repository(stands: Path) -> Iterator[Path]:
    for place in (stands, *stands.parents):
        yield place
        if os.path.exists(place / ".git"):
            return


def _task_files(folder: Path) -> list[Path]:
    """The files of the module ``tasks`` in a folder: Invoke prefers ``tasks.py`` to a package."""
    if os.path.isfile(folder / "tasks.py"):
        return [folder / "tasks.py"]
    if os.path.isfile(folder / "tasks" / "__init__.py"):
        return sorted((folder / "tasks").glob("*.py"))
    return []
