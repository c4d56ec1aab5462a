"""The program by which the user runs tasks, for hints with tasks that can be typed as shown."""

from __future__ import annotations

INV = "inv"
COMPOSETASKS = "composetasks"
"""The program that the wheel installs."""
_started_as = INV


def started_as(name: str) -> None:
    """Record the program of this process: Invoke's own (the default), or ``composetasks``. The
    program itself calls this once, before any task runs."""
    global _started_as
    _started_as = name


def program() -> str:
    """The program that the user started."""
    return _started_as


def task(words: str) -> str:
    """A task with its arguments, as a user of this program types it, in backquotes."""
    return f"`{_started_as} {words}`"
