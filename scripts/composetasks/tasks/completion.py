"""What a shell may complete: tasks and flags, and the services, instances, snapshots and state that
the last run saw. Neither Compose nor the engine is asked.

Invoke's own completion asks its parser, which ends the program at what it can't read yet.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from composetasks.store import names

SNAPSHOTS, INSTANCES = "snapshots", "instances"
STATE_ARGUMENTS = {"restore": SNAPSHOTS, "reset-state": names.STATE}
"""What the argument ``name`` of a task is a name of."""
ARGUMENTS = {
    "service": names.SERVICES,
    "rerun": names.SERVICES,
    "keep": names.STATE,
    "instance": INSTANCES,
}
"""What the value of an argument is a name of, whatever the task."""
WORDS = ("service", "name")
"""The arguments that bare words go to."""


def candidates(
    tokens: Sequence[str], core: Any, contexts: Mapping[str, Any], folder: Path
) -> list[str]:
    """What may stand at the end of a command line, of which the shell takes what fits. ``tokens``
    are its words after the program's name; the last may be complete, or not; ``core`` and
    ``contexts`` are Invoke's flags of its own and of each task; ``folder`` is the project's."""
    named = next((token for token in reversed(tokens) if token in contexts), None)
    context = contexts[named] if named else core
    tail, before = [*reversed(tokens), "", ""][:2]
    # Short flags are aliases in this mapping, which its get() does not know.
    for argument in (context.flags[flag] for flag in (tail, before) if flag in context.flags):
        if argument.takes_value and (tail in context.flags or tail[:1] != "-"):
            return _known(str(named), argument.name, folder)
    if tail.startswith("-"):
        return [flag for flag in context.flag_names() if flag.startswith(("--", tail))]
    words = next((word for word in WORDS if word in context.args), "")
    given = _known(str(named), words, folder) if words else []
    return [*sorted(contexts), *given]


def _known(task: str, argument: str, folder: Path) -> list[str]:
    kind = STATE_ARGUMENTS.get(task) if argument == "name" else ARGUMENTS.get(argument)
    ours = folder / ".composetasks"
    if kind in (SNAPSHOTS, INSTANCES):
        return names.folders(ours / kind)
    return names.known_names(ours / "cache").get(kind or "", [])


def tokens_of(line: str, programs: Iterable[str]) -> list[str]:
    """The words of a command line after the program's name, with a quote that is still open."""
    try:
        tokens = shlex.split(line)
    except ValueError:
        tokens = line.split()
    if tokens and Path(tokens[0]).name in set(programs):
        return tokens[1:]
    return tokens
