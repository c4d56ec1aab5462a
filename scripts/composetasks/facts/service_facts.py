"""What a service tells of itself in a few ``name: value`` lines, and how it is asked for them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TypeAlias

from composetasks.facts.frozen import frozen
from composetasks.facts.plain_text import clean

FACTS_LABEL = "composetasks.facts"
"""On a container: how it is asked for its facts."""
MOST_FACTS = 20
LONGEST_NAME = 40
LONGEST_VALUE = 120
Declared: TypeAlias = "str | Sequence[str]"
"""How a label or a setting says that: ``:8501/facts``, a command line, or a command's words."""
_ADDRESS = re.compile(r":(\d{1,5})(/\S*)")


@frozen
class FactsSource:
    """A ``command`` that is run in the service's container, or what its ``port`` answers to a GET
    of ``path``."""

    command: tuple[str, ...] = ()
    port: int = 0
    path: str = ""


@frozen
class ServiceFacts:
    """The facts of a service by their names, or why they are not available."""

    values: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def facts_source(declared: Declared) -> FactsSource:
    """What is declared. Raises ValueError, which says what is wrong with it."""
    if not isinstance(declared, str):
        return FactsSource(command=tuple(declared))
    if address := _ADDRESS.fullmatch(declared.strip()):
        return FactsSource(port=int(address[1]), path=address[2])
    command = tuple(shlex.split(declared))
    if not command:
        raise ValueError("is neither a command nor :PORT/PATH")
    return FactsSource(command=command)


def facts_of(text: str) -> dict[str, str]:
    """The facts in what a service answered: the first lines that are a name and a value."""
    facts: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = clean(line).partition(":")
        name, value = name.strip(), value.strip()
        if name and value and len(facts) < MOST_FACTS:
            facts[cut(name, LONGEST_NAME)] = cut(value, LONGEST_VALUE)
    return facts


def cut(text: str, longest: int) -> str:
    """``text``, or its beginning where it is too long to be read."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
