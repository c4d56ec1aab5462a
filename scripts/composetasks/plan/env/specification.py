"""Check against ``.env.example``: its own faults, and values that do not match it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from composetasks.facts import EnvFile, Environment, Problem, Variable
from composetasks.facts.frozen import frozen
from composetasks.plan.env.value_types import NOTATIONS, notation_fault, value_fault

SECRET = ("secret",)


@frozen
class Value:
    """A value of a variable and its place: ``file`` None is the process environment."""

    value: str
    file: EnvFile | None = None
    line: int = 0


def values(environment: Environment, name: str) -> list[Value]:
    """All values of a variable, as Compose reads them; the first one takes precedence."""
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
    for variable in environment.variables:
        if variable.name in seen:
            why = f"it is specified twice, first in line {seen[variable.name]}"
            yield Problem("fatal", variable.name, file, variable.line, why, "remove one of them")
        seen.setdefault(variable.name, variable.line)
        if variable.type and (fault := notation_fault(variable.type)):
            way = f"the types are {NOTATIONS}"
            yield Problem("fatal", variable.name, file, variable.line, f"# type: {fault}", way)
        elif (
            variable.type
            and variable.default
            and (fault := value_fault(variable.type, variable.default))
        ):
            why = f"its example {variable.default!r} does not match its type, {fault}"
            yield Problem(
                "fatal", variable.name, file, variable.line, why, "correct one of the two"
            )


def of_values(environment: Environment) -> Iterator[Problem]:
    """Yield values that do not match, and missing required ones."""
    demanded = {name for name, *_ in environment.demanded}
    for variable in environment.variables:
        value = next(iter(values(environment, variable.name)), None)
        if value is not None and value.value.strip():
            yield from _of_value(environment, variable, value)
        elif variable.required and variable.name not in demanded:
            yield _missing(environment, variable, value)
        elif value is not None and value.file is not None and variable.default:
            path = shown(environment, value.file.path)
            example = "your own secret" if variable.type == SECRET else variable.default
            way = f"give it a value such as {example}, or remove the line"
            what = "only blanks" if value.value else "empty"
            why = f"{what}, which counts as not set"
            yield Problem("warning", variable.name, path, value.line, why, way)


def _of_value(environment: Environment, variable: Variable, value: Value) -> Iterator[Problem]:
    path = shown(environment, value.file.path) if value.file else ""
    fits = (
        not variable.type
        or notation_fault(variable.type)
        or not value_fault(variable.type, value.value)
    )
    if not fits:
        why = f"{value.value!a} is not {value_fault(variable.type, value.value)}"
        yield Problem(
            "fatal", variable.name, path, value.line, why, _correction(variable, value.value)
        )
    elif variable.name in environment.absent:
        why = f"there is no file or folder {value.value!a}"
        yield Problem(
            "warning", variable.name, path, value.line, why, "create it, or correct the path"
        )
    if variable.type == SECRET and value.value == variable.default:
        why = "a secret that still has the value of .env.example, which is public"
        yield Problem("warning", variable.name, path, value.line, why, "choose your own value")


def _missing(environment: Environment, variable: Variable, value: Value | None) -> Problem:
    meaning = f" ({variable.meaning.rstrip('.')})" if variable.meaning else ""
    if value is None:
        why, way = f"required, but not set{meaning}", f"add {variable.name}=... to .env"
        return Problem("fatal", variable.name, ".env", 0, why, way)
    path = shown(environment, value.file.path) if value.file else ""
    what = "only blanks" if value.value else "empty"
    why = f"required, but {what}{meaning}"
    return Problem("fatal", variable.name, path, value.line, why, "give it a value")


def _correction(variable: Variable, value: str) -> str:
    """How to correct a value of the wrong type; the most likely mistake comes first."""

    def fits(text: str) -> bool:
        return bool(text) and not value_fault(variable.type, text)

    number = variable.type[0] in ("int", "float", "port")
    if number and "," in value and fits(value.replace(",", ".")):
        return "use a point, not a comma"
    if number and value.endswith("%"):
        return "write a share such as 0.5, without '%'"
    if variable.type[0] == "choice":
        import difflib

        if close := difflib.get_close_matches(value.lower(), variable.type[1:], 1):
            return f"did you mean {close[0]}?"
    if "#" in value and fits(value.partition("#")[0].strip()):
        return "put a space before '#'"
    bare = value.strip("\"'“”‘’ \t\u00a0\u200b;,`=")
    if bare != value and fits(bare):
        return f"write {variable.name}={bare}"
    return f"for example {variable.name}={variable.default}" if variable.default else "correct it"
