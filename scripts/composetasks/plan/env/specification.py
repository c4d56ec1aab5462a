"""``.env.example`` as the measure: its own faults, and values that do not fit it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from composetasks.facts import EnvFile, Environment, Problem, Variable
from composetasks.facts.frozen import frozen
from composetasks.plan.env.value_types import NOTATIONS, notation_fault, value_fault

SECRET = ("secret",)


@frozen
class Value:
    """What a variable is set to, and where: ``file`` None is the process environment."""

    value: str
    file: EnvFile | None = None
    line: int = 0


def values(environment: Environment, name: str) -> list[Value]:
    """All that set a variable, as Compose reads them; the first is the one that counts."""
    process = [environment.process[name]] if name in environment.process else []
    read = ((file, file.set[name]) for file in environment.files if name in file.set)
    return [
        *(Value(value) for value in process),
        *(Value(one.value or "", file, one.line) for file, one in read),
    ]


def shown(environment: Environment, path: Path) -> str:
    """A path as the user would write it."""
    inside = path.is_relative_to(environment.folder)
    return str(path.relative_to(environment.folder) if inside else path)


def of_specification(environment: Environment, path: Path) -> Iterator[Problem]:
    """Faults of the specification itself."""
    seen: dict[str, int] = {}
    file = shown(environment, path)
    for one in environment.variables:
        if one.name in seen:
            why = f"it is specified twice, first in line {seen[one.name]}"
            yield Problem("fatal", one.name, file, one.line, why, "remove one of them")
        seen.setdefault(one.name, one.line)
        if one.type and (fault := notation_fault(one.type)):
            way = f"the types are {NOTATIONS}"
            yield Problem("fatal", one.name, file, one.line, f"# type: {fault}", way)
        elif one.type and one.default and (fault := value_fault(one.type, one.default)):
            why = f"its example {one.default!r} is not {fault}, which is its type"
            yield Problem("fatal", one.name, file, one.line, why, "correct one of the two")


def of_values(environment: Environment) -> Iterator[Problem]:
    """Values that do not fit, and required ones that are missing."""
    demanded = {name for name, *_ in environment.demanded}
    for one in environment.variables:
        found = next(iter(values(environment, one.name)), None)
        if found is not None and found.value.strip():
            yield from _of_value(environment, one, found)
        elif one.required and one.name not in demanded:
            yield _missing(environment, one, found)
        elif found is not None and found.file is not None and one.default:
            path = shown(environment, found.file.path)
            example = "a secret of your own" if one.type == SECRET else one.default
            way = f"give it a value such as {example}, or remove the line"
            what = "only blanks" if found.value else "empty"
            why = f"it is {what}, which counts as not set"
            yield Problem("warning", one.name, path, found.line, why, way)


def _of_value(environment: Environment, one: Variable, found: Value) -> Iterator[Problem]:
    path = shown(environment, found.file.path) if found.file else ""
    fits = not one.type or notation_fault(one.type) or not value_fault(one.type, found.value)
    if not fits:
        why = f"{found.value!a} is not {value_fault(one.type, found.value)}"
        yield Problem("fatal", one.name, path, found.line, why, _correction(one, found.value))
    elif one.name in environment.absent:
        why = f"there is no file or folder {found.value!a}"
        yield Problem("warning", one.name, path, found.line, why, "create it, or correct the path")
    if one.type == SECRET and found.value == one.default:
        why = "it is a secret, and still has the value of .env.example, which everybody knows"
        yield Problem("warning", one.name, path, found.line, why, "choose one of your own")


def _missing(environment: Environment, one: Variable, found: Value | None) -> Problem:
    meaning = f" ({one.meaning.rstrip('.')})" if one.meaning else ""
    if found is None:
        why, way = f"it is required and not set{meaning}", f"add {one.name}=... to .env"
        return Problem("fatal", one.name, ".env", 0, why, way)
    path = shown(environment, found.file.path) if found.file else ""
    what = "only blanks" if found.value else "empty"
    why = f"it is required and {what}{meaning}"
    return Problem("fatal", one.name, path, found.line, why, "give it a value")


def _correction(one: Variable, value: str) -> str:
    """The next thing to do about a value of the wrong type, the likely slip named first."""

    def fits(text: str) -> bool:
        return bool(text) and not value_fault(one.type, text)

    number = one.type[0] in ("int", "float", "port")
    if number and "," in value and fits(value.replace(",", ".")):
        return "write a point, not a comma"
    if number and value.endswith("%"):
        return "write a share such as 0.5, without '%'"
    if one.type[0] == "choice":
        import difflib

        if close := difflib.get_close_matches(value.lower(), one.type[1:], 1):
            return f"did you mean {close[0]}?"
    if "#" in value and fits(value.partition("#")[0].strip()):
        return "put a space before '#'"
    bare = value.strip("\"'“”‘’ \t\u00a0\u200b;,`=")
    if bare != value and fits(bare):
        return f"write {one.name}={bare}"
    return f"for example {one.name}={one.default}" if one.default else "correct it"
