"""What would make builds cheaper, by what they cost and how often they are made: each rule of
:mod:`composetasks.plan.layers.rules` looks at one image."""

from __future__ import annotations

from collections.abc import Iterable

from composetasks.facts import BuildTime, Commits, LayeredImage
from composetasks.plan.layers.evidence import Advice, Ground
from composetasks.plan.layers.rules import RULES

LEAST = 0.05
"""Seconds a week below which advice is no use to anybody."""


def advise(image: LayeredImage, commits: Commits, others: Iterable[BuildTime] = ()) -> list[Advice]:
    """Advice for one image, that which saves most first."""
    ground = Ground(image, commits, others)
    found = [advice for rule in RULES for advice in rule(ground)]
    worth = [advice for advice in found if advice.saves_seconds_per_week >= LEAST]
    return sorted(worth, key=lambda one: (-one.saves_seconds_per_week, one.lines, one.kind))
