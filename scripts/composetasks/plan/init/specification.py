"""A `.env.example` that specifies the variables a project interpolates, in the format of
docs/reference/env-example.md. A type is given only if the values leave no doubt, because a value
that does not match its type is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from composetasks.facts import ModelVariable
from composetasks.facts.init import OF_COMPOSE
from composetasks.plan.env.value_types import value_fault

MARK = "# composetasks: env"
HEAD = f"""{MARK}
# The variables of the compose files: copy this file to .env and change what you need.
"""
TRUTHS = ("true", "false")
ANY_TEXT = re.compile(r"VERSION|TAG|IMAGE|NAME|_ID$|^ID$|PHONE|ZIP", re.IGNORECASE)
"""Names whose values are text even if a value is a number."""
NUMBERS_AND_TRUTHS = ("int", "float", "bool", "port")
GUESSES = (("int",), ("float",), ("url",))
DOUBTFUL = (("port",), *GUESSES)
"""Types that are not given to variables in places for which Compose has its own format."""
PLAIN = re.compile(r"[\w@%+=:,./-]*")
"""A value that needs no quotes in a dotenv file."""
QUOTABLE = re.compile(r"[^'\\$\r\n]*")
"""A value that Compose and python-dotenv read alike in single quotes."""


def guessed(variable: ModelVariable) -> tuple[str, ...]:
    """The type that a variable's values certainly have; empty if there is any doubt."""
    kind = _looks_like(variable)
    return () if variable.formed and kind in DOUBTFUL else kind


def _looks_like(variable: ModelVariable) -> tuple[str, ...]:
    if variable.secret:
        return ("secret",)
    values = [value for value in (variable.default, variable.value) if value]
    if not values or ANY_TEXT.search(variable.name):
        return ()
    for kind in _candidates(variable, values):
        if not any(value_fault(kind, value) for value in values):
            return kind
    return ()


def _candidates(variable: ModelVariable, values: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if all(value.lower() in TRUTHS for value in values):
        yield ("bool",)
    if variable.name.upper().endswith("PORT"):
        yield ("port",)
    if all(value.startswith(("./", "../")) for value in values) and not variable.absent:
        yield ("path",)
    yield from GUESSES


def specification(variables: Iterable[ModelVariable]) -> str:
    """The text of a new `.env.example`."""
    return HEAD + "".join(f"\n{entry(one)}" for one in variables)


def entry(variable: ModelVariable) -> str:
    """A variable with its comment, type and example."""
    kind = guessed(variable)
    lines = [*(f"# {text}".rstrip() for text in variable.comment)]
    if variable.message and variable.message not in variable.comment:
        lines.append(f"# {variable.message}")
    if kind:
        lines.append(f"# type: {' '.join(kind)}")
    if variable.required:
        lines.append("# required")
    lines.append(f"{variable.name}={_example(variable)}")
    return "".join(f"{line}\n" for line in lines)


def _example(variable: ModelVariable) -> str:
    """The value in the compose files; or the value in `.env`, if it is a number, a boolean or one
    of Compose's own settings."""
    kind = _looks_like(variable)
    shown = (kind and kind[0] in NUMBERS_AND_TRUTHS) or variable.name in OF_COMPOSE
    value = variable.default or (variable.value if shown else "")
    if PLAIN.fullmatch(value):
        return value
    # References to variables, and values that the two programs read differently, are omitted.
    return f"'{value}'" if QUOTABLE.fullmatch(value) else ""


def specified(text: str, variables: Iterable[ModelVariable]) -> str:
    """An existing `.env.example` as a specification: with the mark, types above variables that have
    none, and missing variables at the end."""
    by_name = {one.name: one for one in variables}
    lines: list[str] = [] if MARK in text else [MARK, ""]
    above: list[str] = []
    seen = set()
    for line in text.splitlines():
        name = line.partition("=")[0].strip().removeprefix("export ").strip()
        variable = by_name.get(name) if "=" in line and not line.startswith("#") else None
        if variable is not None and name not in seen:
            seen.add(name)
            kind = _fitting(variable, line.partition("=")[2].strip())
            if kind and not any(one.startswith("# type:") for one in above):
                lines.append(f"# type: {' '.join(kind)}")
        above = [*above, line] if line.startswith("#") else []
        lines.append(line)
    missing = [entry(one) for name, one in by_name.items() if name not in seen]
    return "".join(f"{line}\n" for line in lines) + "".join(f"\n{one}" for one in missing)


def _fitting(variable: ModelVariable, example: str) -> tuple[str, ...]:
    kind = guessed(variable)
    return () if kind and example and value_fault(kind, example) else kind
