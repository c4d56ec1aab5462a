"""What the same program finds on this host."""

from __future__ import annotations

from composetasks.apply.inside.reach import look
from composetasks.facts import Reach


def on_host(index: str) -> Reach:
    """What this host's programs find."""
    found = look(index)
    del found["disk"], found["watching"]
    return Reach(place="host", **found)
