"""What is left out of a part of a context."""

from __future__ import annotations

from composetasks.observe.images.ignore import Ignore, State
from composetasks.observe.images.selection import Root

States = tuple[State, ...]
"""A folder's state for the ignore file, and for a root's excludes where it has any."""


def ignored_in(states: States) -> bool:
    return any(state.ignored for state in states)


class Sieve:
    """What of a root is left out: by the ignore file, seen from the context, and by the root's
    own excludes, seen from the root."""

    def __init__(self, ignore: Ignore, root: Root) -> None:
        self._ignore = ignore
        self._excludes = Ignore(root.excludes) if root.excludes else None
        self._skip = len(root.path) + 1 if root.path else 0

    def start(self, state: State) -> States:
        """The states of the root itself."""
        return (state,) if self._excludes is None else (state, State())

    def state(self, path: str, parent: States) -> States:
        """The states of ``path``, whose folder has the states ``parent``."""
        state = self._ignore.state(path, parent[0])
        if self._excludes is None:
            return (state,)
        return state, self._excludes.state(path[self._skip :], parent[1])

    def may_hold_exceptions(self, path: str) -> bool:
        """Whether a folder that is left out may hold something that is not."""
        if self._ignore.may_hold_exceptions(path):
            return True
        return self._excludes is not None and self._excludes.may_hold_exceptions(path[self._skip :])
