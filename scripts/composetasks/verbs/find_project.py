"""Which project is meant by somebody who stands in a folder: what the program `composetasks` asks,
where `inv` knows but ``tasks.py``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from composetasks.observe.compose import project_files, sources

OURS = "composetasks"
"""The word that a ``tasks.py`` of ours has in it. Another one (Celery's file has that name too) may
do anything when it is imported."""


class FoundProject(NamedTuple):
    """A project's folder, and whether it has a ``tasks.py`` of ours, by which it is run then."""

    folder: Path
    has_tasks: bool


def find_project(stands: Path) -> FoundProject:
    """The project of the nearest ``tasks.py`` of ours, as Invoke looks for it but not beyond the
    repository; else that of the compose file; else the folder itself."""
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
    """The files of the module ``tasks`` in a folder: Invoke takes ``tasks.py`` before a package."""
    if os.path.isfile(folder / "tasks.py"):
        return [folder / "tasks.py"]
    if os.path.isfile(folder / "tasks" / "__init__.py"):
        return sorted((folder / "tasks").glob("*.py"))
    return []
