"""The Invoke layer: the arguments and docstring of each task, which then calls its verb.
``collection()`` returns the tasks as an Invoke namespace.

``from composetasks.tasks import up, build`` imports single tasks. Nothing slow is imported here:
`inv --list` must stay quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from invoke import Collection

from composetasks.tasks import definitions
from composetasks.tasks.verb_task import VerbTask

__all__ = ["TASKS", "collection"]

TASKS: tuple[VerbTask, ...] = tuple(
    task for task in vars(definitions).values() if isinstance(task, VerbTask)
)
"""Every task, in the order of definition; this is the only list of them."""


def collection(
    tasks: Iterable[str] | None = None, config: Mapping[str, Any] | None = None
) -> Collection:
    """An Invoke collection of every task, or of those named in ``tasks``.

    ``config`` is Invoke configuration (``{"stack": {...}}``). Raises ValueError for a name that is
    not a task.
    """
    by_name = {task.name.replace("_", "-"): task for task in TASKS}
    wanted = [name.replace("_", "-") for name in tasks] if tasks is not None else list(by_name)
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise ValueError(f"no task is called {unknown[0]!r}; there are {', '.join(by_name)}")
    namespace = Collection(*[by_name[name] for name in wanted])
    if config:
        namespace.configure(dict(config))
    return namespace


def __getattr__(name: str) -> VerbTask:
    """Return a task by its name."""
    for task in TASKS:
        if task.name == name:
            return task
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
