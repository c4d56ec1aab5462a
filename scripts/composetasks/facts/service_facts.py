"""The facts that a service reports as ``name: value`` lines, and how they are requested."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TypeAlias

from composetasks.facts.frozen import frozen
from composetasks.facts.plain_text import clean, cut

FACTS_LABEL = "composetasks.facts"
"""The label on a container that declares how to request its facts."""
MOST_FACTS = 20
LONGEST_NAME = 40
LONGEST_VALUE = 120
Declared: TypeAlias = "str | Sequence[str]"
"""The declaration in a label or setting: ``:8501/facts``, a command line, or a list of
arguments."""
_ADDRESS = re.compile(r":(\d{1,5})(/\S*)")


@frozen
class FactsSource:
    """A ``command`` that runs in the service's container, or a GET request to ``path`` at its
    ``port``."""

    command: tuple[str, ...] = ()
    port: int = 0
    path: str = ""


@frozen
class ServiceFacts:
    """The facts of a service by name, or why they are not available."""

    values: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def facts_source(declared: Declared) -> FactsSource:
    """Parse a declaration. Raises ValueError with the problem."""
    if not isinstance(declared, str):
        return FactsSource(command=tuple(declared))
    if address := _ADDRESS.fullmatch(declared.strip()):
        return FactsSource(port=int(address[1]), path=address[2])
    command = tuple(shlex.split(declared))
    if not command:
        raise ValueError("is neither a command nor :PORT/PATH")
    return FactsSource(command=command)


def facts_of(text: str) -> dict[str, str]:
    """The facts in a service's answer: the first lines of the form ``name: value``."""
    facts: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = clean(line).partition(":")
        name, value = name.strip(), value.strip()
        if name and value and len(facts) < MOST_FACTS:
            facts[cut(name, LONGEST_NAME)] = cut(value, LONGEST_VALUE)
    return facts
