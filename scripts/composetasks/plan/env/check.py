"""All problems of the environment at once.

Pure: from the results of observe/env/dotenv.py. Without a specification (``.env.example`` with its
mark), only what Compose itself refuses is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from composetasks.facts import EnvFile, Environment, Problem
from composetasks.plan.env.specification import SECRET, of_specification, of_values, shown, values

if TYPE_CHECKING:
    from composetasks.plan.env.dotenv_faults import Fault

PRINTABLE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}"
"""Names that may be shown: a line that is not an assignment may contain anything."""
LOOKED_UP = 30
"""For how many unknown names the closest known name is searched."""
OF_THE_TOOLS = ("COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_", "INVOKE_")
"""Prefixes of variables that Docker's and Invoke's programs read themselves."""


def problems(environment: Environment) -> tuple[Problem, ...]:
    """All problems, fatal ones first, then by file and line."""
    secrets = {one.name for one in environment.variables if one.type == SECRET}
    problems = list(_demanded(environment))
    specified = environment.specification is not None
    for file in environment.files:
        path = shown(environment, file.path)
        problems += _of_file(file, path)
        taken: set[int] = set()
        if not _beyond_doubt(file):
            from composetasks.plan.env.dotenv_faults import faults, key_lines

            of_lines = faults(file, environment.process, secrets)
            problems += (_of_line(one, path) for one in of_lines if specified or one.refused)
            taken = {one.line for one in of_lines}.union(*key_lines(file).values())
        if specified:
            problems += _of_whole_file(file, path)
            problems += _unknown(environment, file, taken)
            problems += _overridden(environment, file)
    if environment.specification is not None:
        unread = {(one.file, one.line) for one in problems if one.severity == "fatal" and one.line}
        problems += of_specification(environment, environment.specification)
        problems += (o for o in of_values(environment) if (o.file, o.line) not in unread)
    return tuple(
        sorted(
            dict.fromkeys(problems),
            key=lambda one: (one.severity != "fatal", one.file, one.line, one.name),
        )
    )


def fatal(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems that end a task with code 6."""
    return tuple(one for one in problems if one.severity == "fatal")


def correction(environment: Environment) -> str:
    """Which file describes the variables, as a hint; "" if none does."""
    if environment.example is None:
        return ""
    name = shown(environment, environment.example)
    if environment.specification is not None:
        return f"{name} describes the allowed values"
    return f"{name} describes what .env may contain"


def lines(problems: Iterable[Problem]) -> list[str]:
    """Problems as lines of text: place, problem, correction."""
    texts = []
    for problem in problems:
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file or "environment"
        name = f"{problem.name}: " if problem.name else ""
        texts.append(f"{where}: {name}{problem.message}; {problem.hint}")
    return texts


# --- the files ------------------------------------------------------------------------------


def _beyond_doubt(file: EnvFile) -> bool:
    """Whether no line of a file can have a fault of its own."""
    return "plain" in file.traits and len({one.name for one in file.compose}) == len(file.compose)


def _of_line(fault: Fault, path: str) -> Problem:
    severity = "fatal" if fault.fatal else "warning"
    return Problem(severity, fault.name, path, fault.line, fault.message, fault.hint)


def _of_file(file: EnvFile, path: str) -> Iterator[Problem]:
    """Yield problems of files that can't be read at all."""
    if "missing" in file.traits:
        why = "COMPOSE_ENV_FILES names this file, but it can't be read"
        yield Problem("fatal", "", path, 0, why, "create it, or remove it from COMPOSE_ENV_FILES")
    if "utf-16" in file.traits:
        why = "the file is UTF-16, which neither Compose nor python-dotenv can read"
        yield Problem("fatal", "", path, 0, why, "save it as UTF-8")


def _of_whole_file(file: EnvFile, path: str) -> Iterator[Problem]:
    """Yield problems that concern a whole file."""
    if "not-utf-8" in file.traits:
        # Bytes that are not valid UTF-8 were decoded as surrogates.
        line = _first(file, map(chr, range(0xDC80, 0xDD00)))
        why = "not valid UTF-8: python-dotenv can't read the file"
        yield Problem("fatal", "", path, line, why, "save the file as UTF-8")
    if "nul" in file.traits:
        why = "a NUL byte, which no variable can contain"
        yield Problem("fatal", "", path, _first(file, "\0"), why, "remove it")
    if "bom" in file.traits:
        why = "the file begins with a byte order mark"
        yield Problem("warning", "", path, 1, why, "save it as UTF-8 without a BOM")
    if "crlf" in file.traits:
        why, way = "lines end with CRLF, as on Windows", f"sed -i 's/\\r$//' {path}"
        yield Problem("warning", "", path, _first(file, "\r"), why, way)
    if "open" in file.traits:
        why = "every user of this machine can read the file"
        yield Problem("warning", "", path, 0, why, f"chmod 600 {path}")


def _first(file: EnvFile, wanted: Iterable[str]) -> int:
    """The first line that contains one of the characters."""
    characters = frozenset(wanted)
    return next((n for n, line in enumerate(file.lines, 1) if characters & set(line)), 0)


# --- names and sources ----------------------------------------------------------------------


def _demanded(environment: Environment) -> Iterator[Problem]:
    """Yield problems of variables that compose files require; Compose itself stops at the first."""
    names = set()
    for name, path, line, message, filled in environment.demanded:
        assigned = values(environment, name)
        if name in names or (assigned and (assigned[0].value or not filled)):
            continue
        names.add(name)
        why = f"required by the compose file, but {'empty' if assigned else 'not set'}"
        why += f": {message}" if message else ""
        place = shown(environment, path)
        yield Problem("fatal", name, place, line, why, f"add {name}=... to .env")


def _unknown(environment: Environment, file: EnvFile, taken: Collection[int]) -> Iterator[Problem]:
    """Yield names that the specification lacks, with the closest one; not in lines ``taken``."""
    specified = environment.specified
    path = shown(environment, file.path)
    looked_up = 0
    for name, line in {one.name: one.line for one in file.compose if not one.refused}.items():
        if name in specified or name.startswith(OF_THE_TOOLS) or line in taken:
            continue
        if name in environment.used:
            user, number = environment.used[name]
            why = (
                f"{shown(environment, user)}:{number} uses it, but .env.example does "
                "not describe it"
            )
            yield Problem("warning", name, path, line, why, "describe it in .env.example")
            continue
        # Many unknown names are not typing errors: the file is for something else.
        looked_up += 1
        close = _closest(name, specified) if looked_up <= LOOKED_UP else ""
        way = f"did you mean {close}?" if close else "remove it, or describe it there"
        printed = name if re.fullmatch(PRINTABLE, name) else ""
        why = "there is no such variable in .env.example"
        yield Problem("warning", printed, path, line, why, way, unknown=True)


def _closest(name: str, names: Iterable[str]) -> str:
    import difflib

    by_fold = {one.upper(): one for one in names}
    close = difflib.get_close_matches(name.upper().replace("-", "_"), by_fold, 1)
    return by_fold[close[0]] if close else ""


def _overridden(environment: Environment, file: EnvFile) -> Iterator[Problem]:
    """Yield lines that have no effect because the process has another value."""
    path = shown(environment, file.path)
    for name in dict.fromkeys(one.name for one in file.compose if one.value is not None):
        assigned = values(environment, name)
        if len(assigned) > 1 and assigned[0].file is None and assigned[1].file is file:
            if assigned[0].value == assigned[1].value:
                continue
            why = "the process environment has another value, which takes precedence"
            way = f"unset {name} in your shell to use this line"
            yield Problem("warning", name, path, assigned[1].line, why, way)
