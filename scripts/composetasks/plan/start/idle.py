"""Whether a container's main program only keeps it alive (``sleep infinity``, ``tail -f``, a shell
on a terminal), as in development containers, where servers are started by hand."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

SHELLS = frozenset(("sh", "ash", "bash", "dash", "ksh", "zsh", "fish"))
INTERACTIVE = SHELLS | {"python", "python3", "ipython", "node", "irb", "iex", "ghci", "psql"}
"""Programs that wait for input if they have a terminal and nothing to run."""
SILENT = frozenset(
    (":", "true", "false", "while", "until", "do", "done", "if", "then", "fi", "exec", "!")
)
"""Words of a script that may precede a command."""
BUILT_IN = frozenset(("trap", "echo", "exit", "set", "cd", "umask", "for", "wait"))
"""Commands that start no other program."""
QUOTED = "quoted"
_COMMANDS = re.compile(r"[;&|\n]+")


def is_idle(record: Mapping[str, Any]) -> bool:
    """Whether a container, by its inspect record, runs a program that only keeps it alive."""
    words = [str(record.get("Path") or ""), *map(str, record.get("Args") or ())]
    names = [posixpath.basename(word) for word in words]
    for at, name in enumerate(names):
        rest = words[at + 1 :]
        if _waits(name, rest):
            return True
        if name in SHELLS and (script := _script(rest)) is not None:
            return _idle_script(script)
    on_terminal = bool((record.get("Config") or {}).get("Tty"))
    typed = [name for name, word in zip(names, words, strict=True) if not word.startswith("-")]
    return on_terminal and bool(typed) and typed[-1] in INTERACTIVE


def _waits(name: str, arguments: Sequence[str]) -> bool:
    """Whether a command only waits, with these arguments."""
    if name == "sleep":
        return bool(arguments) and all(
            re.fullmatch(r"inf(inity)?|[\d.]+[smhd]?", argument) for argument in arguments
        )
    if name == "tail":
        return any(re.fullmatch(r"-\w*[fF]|--follow(=\w+)?", one) for one in arguments)
    return name == "pause" and not arguments


def _script(arguments: Sequence[str]) -> str | None:
    """The script that a shell runs with ``-c``, None without one."""
    for at, word in enumerate(arguments[:-1]):
        if re.fullmatch(r"-[a-z]*c", word):
            return arguments[at + 1]
    return None


def _idle_script(script: str) -> bool:
    """Whether a script starts only commands that wait."""
    waits = False
    for command in _COMMANDS.split(re.sub(r"'[^']*'|\"[^\"]*\"", QUOTED, script)):
        words = command.strip("(){} ").split()
        while words and words[0] in SILENT:
            words = words[1:]
        if not words or words[0] in BUILT_IN or words[0] == QUOTED:
            continue
        if not _waits(posixpath.basename(words[0]), words[1:]):
            return False
        waits = True
    return waits
