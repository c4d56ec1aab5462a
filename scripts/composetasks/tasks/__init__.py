"""The Invoke layer: arguments and docstrings of each task, then a call to its verb.

Nothing heavy is imported here: `inv --list` must stay quick.
"""

from composetasks.tasks.collection import TASKS, collection
from composetasks.tasks.definitions import (
    build,
    clean_orphans,
    doctor,
    down,
    env,
    layers,
    logs,
    reset_state,
    restore,
    snapshot,
    snapshots,
    status,
    timeline,
    up,
    verify,
)

__all__ = [
    "TASKS",
    "build",
    "clean_orphans",
    "collection",
    "doctor",
    "down",
    "env",
    "layers",
    "logs",
    "reset_state",
    "restore",
    "snapshot",
    "snapshots",
    "status",
    "timeline",
    "up",
    "verify",
]
