"""A `.env.example` that specifies what a project interpolates, in the dialect of
docs/reference/env-example.md: a type only where the value leaves no doubt, since one that does not
fit is fatal."""

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
"""Names whose values are text even where one is a number."""
NUMBERS_AND_TRUTHS = ("int", "float", "bool", "port")
GUESSES = (("int",), ("float",), ("url",))
DOUBTFUL = (("port",), *GUESSES)
"""Of no variable that stands where Compose has a form of its own."""
PLAIN = re.compile(r"[\w@%+=:,./-]*")
"""A value that needs no quotes in a dotenv file."""
QUOTABLE = re.compile(r"[^'\\$\r\n]*")
"""One that Compose and python-dotenv read alike in single quotes."""


def guessed(variable: ModelVariable) -> tuple[str, ...]:
    """The type that a variable's values leave no doubt of, none where they do."""
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
    if all(value.startswith(("./", "../")) for value in values):
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
    """What the compose files say; of what only `.env` says a number or a truth, and Compose's own
    settings."""
    kind = _looks_like(variable)
    shown = (kind and kind[0] in NUMBERS_AND_TRUTHS) or variable.name in OF_COMPOSE
    value = variable.default or (variable.value if shown else "")
    if PLAIN.fullmatch(value):
        return value
    # A reference to another variable, or what the two programs read differently, is left out.
    return f"'{value}'" if QUOTABLE.fullmatch(value) else ""


def specified(text: str, variables: Iterable[ModelVariable]) -> str:
    """A `.env.example` that is there, as a specification: with the mark, the types above what has
    none, and what it lacks at its end."""
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
