"""What replaces each line of a start script: the task that does it, or why it is not needed.

Only the commands of Docker, Compose and the shell are known. A loop that waits is recognized by its
``sleep``, whatever it checks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from composetasks.facts import Fate, Replacement
from composetasks.facts.paths import within
from composetasks.plan.init.docker_commands import (
    EMPTIES,
    WAITS,
    Meaning,
    done,
    of_compose,
    of_docker,
)
from composetasks.plan.init.shell import Lines, read


def replacements(script: str, state: Sequence[str] = ()) -> tuple[Replacement, ...]:
    """What replaces each line of a script; ``state`` are the folders, relative to the project's, in
    which services keep their state."""
    return tuple(_of_lines(lines, state) for lines in read(script))


def _of_lines(lines: Lines, state: Sequence[str]) -> Replacement:
    if lines.waits:
        replacements = [done("up", why=WAITS)]
    elif lines.commands is None:
        replacements = [Meaning(Fate.UNKNOWN, why="a quote is not closed")]
    else:
        replacements = [_of_command(words, state) for words in lines.commands]
    relevant = [one for one in replacements if one.fate is not Fate.NEEDLESS] or replacements
    fates = {one.fate for one in relevant}
    fate = next((one for one in WORST_FIRST if one in fates), Fate.NEEDLESS)
    tasks = dict.fromkeys(task for one in relevant for task in one.tasks)
    whys = dict.fromkeys(one.why for one in relevant if one.why)
    return Replacement(lines.first, lines.last, lines.text, fate, tuple(tasks), "; ".join(whys))


WORST_FIRST = (Fate.UNKNOWN, Fate.STAYS, Fate.REPLACED)
SHELL = (
    *("[", "[[", "awk", "cat", "cut", "grep", "head", "hostname", "id", "jq", "nproc"),
    *("seq", "sort", "tail", "tr", "uname", "wc", "whoami", ":", "alias", "break", "cd"),
    *("clear", "continue", "date", "declare", "dirname", "basename", "echo", "exit"),
    *("export", "false", "for", "case", "function", "getopts", "local", "popd", "printf"),
    *("pushd", "pwd", "read", "readonly", "return", "select", "set", "shift", "shopt"),
    *("test", "trap", "true", "tput", "type", "typeset", "umask", "unset", "wait"),
    *("which", "let", "banner"),
)
"""Commands that neither start, stop nor wait for anything."""


def _of_command(words: Sequence[str], state: Sequence[str]) -> Meaning:
    name, rest = words[0].rpartition("/")[2], list(words[1:])
    if name == "docker-compose":
        return of_compose(rest)
    if name == "docker":
        return of_docker(rest)
    if name == "rm" and (partly := _removed_state(rest, state)) is not None:
        return done("reset-state", why=_whole(partly)) if partly else EMPTIES
    if name in OTHERS:
        return OTHERS[name](rest)
    if name in SHELL or ("=" in name and name.partition("=")[0].rstrip("+").isidentifier()):
        reads = [word for word in rest if word.endswith(".env") or ".env " in word]
        return done("env", why=READS_ENV) if name == "export" and reads else Meaning(Fate.NEEDLESS)
    return Meaning(Fate.UNKNOWN, why=f"what {name} does")


OF_PROJECT = re.compile(r"^(?:(?:\.\.?|\$PWD|\$\{PWD\}|\$OTHER)/)*")
"""Prefixes of a path that mean the project's folder, wherever the script is."""


def _removed_state(rest: Sequence[str], state: Sequence[str]) -> tuple[str, ...] | None:
    """The folders of state of which ``rm`` removes only a part; None if not everything that it
    removes is state of services: a folder of it, content of one, or a parent folder."""
    taken = [OF_PROJECT.sub("", word).rstrip("/*") for word in rest if not word.startswith("-")]
    partly: dict[str, None] = {}
    for path in taken:
        above = [one for one in state if path != one and within(path, one)]
        if not path or not (above or any(within(one, path) for one in state)):
            return None
        partly.update(dict.fromkeys(above))
    return tuple(partly) if taken else None


def _whole(folders: Sequence[str]) -> str:
    return f"empties all of {' and '.join(folders)} after a snapshot, which `restore` puts back"


READS_ENV = "Compose and the tasks read .env themselves"


def _source(rest: Sequence[str]) -> Meaning:
    if any(word.endswith(".env") for word in rest):
        return done("env", why=READS_ENV)
    return Meaning(Fate.UNKNOWN, why=f"what {' '.join(rest)} does")


def _copy(rest: Sequence[str]) -> Meaning:
    if rest and rest[-1].rpartition("/")[2] == ".env":
        return done("env --check", why="shows what .env lacks; copying the example is left to you")
    return Meaning(Fate.UNKNOWN, why="what is copied, and for whom")


def _by_engine(what: str) -> Callable[[Sequence[str]], Meaning]:
    return lambda rest: (
        done("doctor", why=f"shows whether an engine answers; {what} is left to you")
        if any("docker" in word.lower() for word in rest)
        else Meaning(Fate.UNKNOWN, why="what it starts or stops")
    )


def _open(rest: Sequence[str]) -> Meaning:
    if any(word.startswith(("http://", "https://")) for word in rest):
        return done("open", why="knows the URLs of the services")
    return _by_engine("starting it")(rest)


def _ports(_rest: Sequence[str]) -> Meaning:
    return done("up", why="shows who holds a port or a name, and stops no other program")


OTHERS: Mapping[str, Callable[[Sequence[str]], Meaning]] = {
    **dict.fromkeys(
        ("sleep", "wait-for-it.sh", "wait-for-it", "wait-for", "dockerize", "nc"),
        lambda rest: done("up", why=WAITS),
    ),
    **dict.fromkeys(("source", "."), _source),
    "cp": _copy,
    "mkdir": lambda rest: Meaning(Fate.STAYS, why="a mounted folder is up to the project"),
    **dict.fromkeys(
        ("chmod", "chown"),
        lambda rest: Meaning(Fate.STAYS, why="file permissions are up to the project"),
    ),
    **dict.fromkeys(("systemctl", "service"), _by_engine("starting it")),
    "command": _by_engine("installing it"),
    **dict.fromkeys(("open", "xdg-open"), _open),
    **dict.fromkeys(("lsof", "fuser", "kill"), _ports),
    "curl": lambda rest: done("up", "status", why="wait for health checks, and show the URLs"),
}
