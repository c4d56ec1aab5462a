"""What a shell may complete: tasks and flags, and the services, instances, snapshots and state that
the last run saw. Neither Compose nor the engine is asked.

A command line is known without Invoke, too, once it was kept: importing that takes most of the time
of an answer, and a shell asks at every press of a key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from composetasks.store import cache_entry, names

FILE = "command-line.json"
DEFINITIONS = Path(__file__).parents[1] / "tasks" / "definitions.py"
"""Of the installation that answers: a project may be used with several."""
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
HELP = "help"
"""The argument whose value is a task."""
CORE = ""
"""What stands for a task's name where none is given yet: Invoke's own flags are there."""


@dataclass(frozen=True)
class CommandLine:
    """What can be typed. ``flags`` are those of each task: the argument whose value follows, or ""
    for a flag without one; ``words`` is the argument that bare words of a task go to; ``commands``
    are the tasks that run a command, which begins with the second word."""

    flags: Mapping[str, Mapping[str, str]]
    words: Mapping[str, str]
    commands: Sequence[str]


def candidates(tokens: Sequence[str], line: CommandLine, folder: Path) -> list[str]:
    """What may stand in the place of the last token, which may be "", of which the shell takes what
    fits; nothing where only a file's name may. ``tokens`` are the words after the program's name;
    ``folder`` is the project's."""
    # bash makes three words of --flag=value, of which "=" is the current one right behind it.
    *before, current = tokens or [""]
    before, current = [word for word in before if word != "="], current.removeprefix("=")
    task, own = _task(before, line)
    flags = line.flags[task]
    if task in line.commands and _in_command(own, flags):
        return []
    flag, equals, _ = current.partition("=")
    if equals and flags.get(flag):
        return [f"{flag}={name}" for name in _values(task, flags[flag], folder)]
    if own and flags.get(own[-1]):
        argument = flags[own[-1]]
        tasks = sorted(filter(None, line.flags)) if argument == HELP else []
        return tasks or _values(task, argument, folder)
    if current.startswith("-"):
        return [flag for flag in flags if flag.startswith(("--", current))]
    tasks = sorted(filter(None, line.flags)) if task not in line.commands else []
    return [*tasks, *_values(task, line.words.get(task, ""), folder)]


def _task(before: Sequence[str], line: CommandLine) -> tuple[str, Sequence[str]]:
    """The task whose turn it is, and the tokens after its name. All that follows the name of one
    that runs a command is its own."""
    task, start = CORE, 0
    for place, token in enumerate(before):
        is_value = place > start and bool(line.flags[task].get(before[place - 1]))
        if token in line.flags and task not in line.commands and not is_value:
            task, start = token, place + 1
    return task, before[start:]


def _in_command(own: Sequence[str], flags: Mapping[str, str]) -> bool:
    """Whether the words of a command began: after the service's, or after dashes."""
    if "--" in own:
        return True
    valued = {place + 1 for place, token in enumerate(own) if flags.get(token)}
    return any(not token.startswith("-") and n not in valued for n, token in enumerate(own))


def _values(task: str, argument: str, folder: Path) -> list[str]:
    kind = STATE_ARGUMENTS.get(task) if argument == "name" else ARGUMENTS.get(argument)
    ours = folder / ".composetasks"
    if kind in (SNAPSHOTS, INSTANCES):
        return names.folders(ours / kind)
    return names.known_names(ours / "cache").get(kind or "", [])


def save(line: CommandLine, folder: Path, made_of: Iterable[str]) -> None:
    """Keep a project's command line, and of which files it was made, where a run has kept
    anything: completing a word alone leaves a folder as it is. A ``tasks.py`` that is not there
    counts as well: it may come."""
    cache = folder / ".composetasks" / "cache"
    if cache.is_dir():
        stamps = {path: _stamp(path) for path in (*made_of, *_always(folder))}
        entry = {"flags": line.flags, "words": line.words, "commands": line.commands}
        cache_entry.save(cache / FILE, {"made_of": stamps, "line": entry})


def load(stands: Path) -> tuple[CommandLine, Path] | None:
    """The kept command line of the project where somebody stands, and its folder; None where none
    is kept, or what it was made of has changed."""
    from composetasks.verbs.find_project import find_project

    folder, _ = find_project(stands)
    understand = partial(_understand, _always(folder))
    line = cache_entry.load(folder / ".composetasks" / "cache" / FILE, understand)
    return (line, folder) if line else None


def _always(folder: Path) -> list[str]:
    """The files that any command line of a project is made of, there or not."""
    return [*map(str, (DEFINITIONS, folder / "tasks.py", folder / "tasks" / "__init__.py"))]


def _understand(always: Sequence[str], value: Any) -> CommandLine | None:
    made_of = cache_entry.as_texts(value["made_of"])
    if any(_stamp(path) != made_of.get(path) for path in (*always, *made_of)):
        return None
    line = cache_entry.as_mapping(value["line"])
    flags = {task: cache_entry.as_texts(found) for task, found in line["flags"].items()}
    return CommandLine(
        {CORE: {}, **flags},
        cache_entry.as_texts(line["words"]),
        cache_entry.as_names(line["commands"]),
    )


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"
