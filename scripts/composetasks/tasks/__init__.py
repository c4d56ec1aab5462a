"""The Invoke layer: arguments and docstrings of each task, then a call to its verb.

``from composetasks.tasks import up, build`` takes single tasks. Nothing heavy is imported here:
`inv --list` must stay quick.
"""

from __future__ import annotations

from typing import Any

from invoke import Task

from composetasks.tasks.collection import TASKS, collection

__all__ = ["TASKS", "collection"]


def __getattr__(name: str) -> Task[Any]:
    """A task by its name."""
    for task in TASKS:
        if task.name == name:
            return task
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
