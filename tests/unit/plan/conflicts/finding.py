"""What is in the way of a start, with the names that this start needs."""

from __future__ import annotations

from composetasks.facts import World
from composetasks.plan.conflicts import conflicts
from composetasks.plan.conflicts.claims import Findings
from composetasks.plan.start.services import needed_names


def in_the_way(of: World, *names: str, force: bool = False) -> Findings:
    """Of ``names``, or of all services."""
    starting = names or tuple(of.model.services)
    return conflicts.conflicts(of, starting, needed_names(of, starting), force)


def leftovers(of: World) -> Findings:
    return conflicts.leftovers(of, needed_names(of, of.model.services))
