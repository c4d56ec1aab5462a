"""Select state by names and groups, and by what is to be kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from composetasks.facts import Snapshot, State
from composetasks.facts.units import whole_number


class UnknownState(Exception):
    """No state has this name; ``existing`` are the names there are."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        super().__init__(name)
        self.name, self.existing = name, tuple(names)


class SplitGroup(Exception):
    """State to keep is in the same group as state that was named."""


def select(state: Sequence[State], names: Iterable[str], keep: Iterable[str]) -> tuple[State, ...]:
    """The state that ``reset-state`` empties: the named state, or all but caches, with the rest of
    its groups (except their caches), without the state in ``keep`` and its groups.

    Raises UnknownState, and SplitGroup if a named part and a kept part are in the same group.
    """
    named = {one.name for name in names for one in _called(state, name)}
    spared = {one.name for name in keep for one in _called(state, name)}
    chosen = named or {one.name for one in state if not one.cache}
    if named & spared:
        raise SplitGroup(
            f"{min(named & spared)} is named both as state to reset and as state to keep"
        )
    kept_groups = {one.group: one.name for one in state if one.group and one.name in spared}
    groups = {one.group for one in state if one.group and one.name in chosen}
    for part in state:
        if part.name in named and part.group in kept_groups:
            raise SplitGroup(
                f"{part.name} and {kept_groups[part.group]} are in the same group ({part.group}), "
                "which is reset as a whole"
            )
    return tuple(
        part
        for part in state
        if (part.name in chosen or (part.group in groups and not part.cache))
        and part.name not in spared
        and part.group not in kept_groups
    )


def _called(state: Sequence[State], name: str) -> list[State]:
    parts = [one for one in state if name in (one.name, one.source, one.place)]
    parts = parts or [one for one in state if one.group == name]
    if not parts:
        raise UnknownState(name, [one.name for one in state])
    return parts


def next_name(snapshots: Sequence[Snapshot], stem: str) -> str:
    """The next name ``<stem>-<number>``, with a number above all numbers in use."""
    numbers = (whole_number(one.name.removeprefix(f"{stem}-")) or 0 for one in snapshots)
    return f"{stem}-{max(numbers, default=0) + 1}"
