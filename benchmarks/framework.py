"""The terms of the benchmarks: a case measures figures; a figure has two sides and a target."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUNS = 7
"""How often a short run is repeated on each side."""
PART = "of an empty `inv up`: "
"""The prefix of the names of the figures by room."""
FEW = 3
"""How often a run of a minute is repeated on each side."""


@dataclass
class Rounds:
    """The maximum number of rounds of a case; None leaves it to the case."""

    most: int | None = None

    def of(self, wanted: int) -> int:
        return min(wanted, self.most or wanted)


ROUNDS = Rounds()


@dataclass(frozen=True)
class Target:
    """Ours may take at most ``factor`` times the peer's time, plus ``plus`` seconds."""

    factor: float
    plus: float = 0.0

    def allows(self, ours: float, peer: float) -> bool:
        return ours <= self.limit(peer)

    def limit(self, peer: float) -> float:
        """The most that ours may take."""
        return self.factor * peer + self.plus

    def __str__(self) -> str:
        if self.factor == 0:
            return f"at most {self.plus:g} s"
        if self.factor == 1 and self.plus:
            return f"peer + {self.plus:g} s"
        return f"ratio at most {self.factor:.3g}" + (f", + {self.plus:g} s" if self.plus else "")


@dataclass(frozen=True)
class Figure:
    """One row of the table: the seconds of each run on both sides.

    ``peer`` is empty if there is nothing to compare with, ``target`` is None if the figure is only
    informative. ``unit`` is ``s`` or ``B``. ``parts`` says where our time is spent, in seconds,
    measured if the target is missed; ``reason`` explains a missed target.
    """

    name: str
    against: str
    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    target: Target | None = None
    unit: str = "s"
    note: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of ours divided by the median of the peer's."""
        return median(self.ours) / median(self.peer) if self.peer else None

    @property
    def reached(self) -> bool | None:
        if self.target is None:
            return None
        return self.target.allows(median(self.ours), median(self.peer) if self.peer else 0.0)

    def document(self) -> dict[str, Any]:
        """The form in results.json."""
        digits = 4 if self.unit == "s" else 0
        said: dict[str, Any] = {
            "name": self.name,
            "against": self.against,
            "ours": [round(one, digits) for one in self.ours],
            "peer": [round(one, digits) for one in self.peer],
            "unit": self.unit,
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "reached": self.reached,
        }
        if self.target:
            said["target"] = {"factor": self.target.factor, "plus": self.target.plus}
        if self.note:
            said["note"] = self.note
        if self.reached is False:
            if self.parts:
                said["parts"] = {part: round(took, digits) for part, took in self.parts.items()}
            if self.reason:
                said["reason"] = self.reason
        return said

    def explained(self, parts: Callable[[], Mapping[str, float]]) -> Figure:
        """The figure, with its parts if its target is missed."""
        return replace(self, parts=parts()) if self.reached is False else self

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Figure:
        """The figure of a document from :meth:`document`."""
        target = said.get("target")
        return cls(
            name=said["name"],
            against=said["against"],
            ours=tuple(said["ours"]),
            peer=tuple(said["peer"]),
            target=Target(target["factor"], target["plus"]) if target else None,
            unit=said["unit"],
            note=said.get("note", ""),
            parts=said.get("parts", {}),
            reason=said.get("reason", ""),
        )


@dataclass(frozen=True)
class Case:
    """Figures that are measured together. ``minutes`` is the approximate duration on two cores."""

    name: str
    title: str
    minutes: int
    measure: Callable[[], Iterator[Figure]]
    long: bool = False


def say(text: str) -> None:
    """Print the progress to stderr."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def seconds(action: Callable[[], object]) -> float:
    """The duration of an action."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def in_turns(
    sides: Mapping[str, Callable[[int], float]], runs: int = RUNS
) -> dict[str, tuple[float, ...]]:
    """Let the sides take turns, so that a busy machine affects all; every second round is in
    reverse order, so that no side always follows the same other one. Each side is called with the
    round's number and returns its measurement."""
    took: dict[str, list[float]] = {name: [] for name in sides}
    runs = ROUNDS.of(runs)
    for number in range(runs):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            took[name].append(sides[name](number))
        latest = ", ".join(f"{name} {values[-1]:.3f}" for name, values in took.items())
        say(f"  round {number + 1} of {runs}: {latest}")
    return {name: tuple(values) for name, values in took.items()}
