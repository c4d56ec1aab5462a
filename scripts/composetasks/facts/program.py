"""What the user types to run a task: hints name tasks so that they can be typed as they stand."""

from __future__ import annotations

INV = "inv"
COMPOSETASKS = "composetasks"
"""The program that the wheel brings."""
_started_as = INV


def started_as(name: str) -> None:
    """Say by which program this process runs tasks: Invoke's own (the default), or ours. Told
    once, by the program itself, before any task runs."""
    global _started_as
    _started_as = name


def program() -> str:
    """The program that was started."""
    return _started_as


def task(words: str) -> str:
    """A task with its arguments as a user of this program types it, in back quotes."""
    return f"`{_started_as} {words}`"
