"""Shell completion: tasks and flags, and the services, instances, snapshots and state that the last
run observed. Neither Compose nor the engine is queried.

Once a command line is cached, Invoke is not needed either: importing it takes most of the time of
an answer, and shells ask at every key press.
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
"""The task definitions of this installation; a project may be used with several installations."""
SNAPSHOTS, INSTANCES = "snapshots", "instances"
STATE_ARGUMENTS = {"restore": SNAPSHOTS, "reset-state": names.STATE}
"""The kind of name that the argument ``name`` of a task takes."""
ARGUMENTS = {
    "service": names.SERVICES,
    "rerun": names.SERVICES,
    "keep": names.STATE,
    "instance": INSTANCES,
}
"""The kind of name that an argument takes, in any task."""
HELP = "help"
"""The argument whose value is a task."""
CORE = ""
"""The key in place of a task's name before any is given, for Invoke's own flags."""


@dataclass(frozen=True)
class CommandLine:
    """Everything that can be typed. ``flags`` are the flags of each task: the argument whose value
    follows, or "" for a flag without one; ``words`` is the argument that takes a task's bare words;
    ``commands`` are the tasks that run a command, which begins with the second word."""

    flags: Mapping[str, Mapping[str, str]]
    words: Mapping[str, str]
    commands: Sequence[str]


def candidates(tokens: Sequence[str], line: CommandLine, folder: Path) -> list[str]:
    """The candidates for the last token, which may be ""; the shell filters them. None if only a
    file name is possible. ``tokens`` are the words after the program's name; ``folder`` is the
    project's."""
    # bash splits --flag=value into three words; "=" is the current one right after it was typed.
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
    """The task that the next word belongs to, and the tokens after its name. After a task that runs
    a command, all tokens belong to it."""
    task, start = CORE, 0
    for place, token in enumerate(before):
        is_value = place > start and bool(line.flags[task].get(before[place - 1]))
        if token in line.flags and task not in line.commands and not is_value:
            task, start = token, place + 1
    return task, before[start:]


def _in_command(own: Sequence[str], flags: Mapping[str, str]) -> bool:
    """Whether the words of a command have begun: after the service's name, or after ``--``."""
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
    """Cache a project's command line and the files that define it, if a run created the cache:
    completion alone does not change a folder. A missing ``tasks.py`` is recorded too: it may be
    created later."""
    cache = folder / ".composetasks" / "cache"
    if cache.is_dir():
        stamps = {path: _stamp(path) for path in (*made_of, *_always(folder))}
        entry = {"flags": line.flags, "words": line.words, "commands": line.commands}
        cache_entry.save(cache / FILE, {"made_of": stamps, "line": entry})


def load(stands: Path) -> tuple[CommandLine, Path] | None:
    """The cached command line of the project that contains ``stands``, and the project's folder;
    None if nothing is cached, or if a file that defines it has changed."""
    from composetasks.verbs.find_project import find_project

    folder, _ = find_project(stands)
    understand = partial(_understand, _always(folder))
    line = cache_entry.load(folder / ".composetasks" / "cache" / FILE, understand)
    return (line, folder) if line else None


def _always(folder: Path) -> list[str]:
    """The files that define every project's command line, whether or not they exist."""
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
