"""Whose turn it is in a review: a reader's place among the posts of a filter."""

from collections.abc import Callable
from dataclasses import dataclass

from finding import Page
from queries import Filter, Row

Find = Callable[[Row | None], Page]
"""Finds the first post behind one, None: the first of all."""


@dataclass
class Turn:
    """Posts have their turns in an order, behind `passed`: the one that the reader is past.

    `shown` is the post whose turn it is. What lies between `passed` and `looked` has been looked at
    in vain. `none_left` says that all has been.
    """

    wanted: Filter
    shown: str | None = None
    passed: Row | None = None
    looked: Row | None = None
    none_left: bool = False

    def next(self, find: Find) -> Row | None:
        """The post whose turn is next. Where none is found, the next call looks further."""
        found = find(self.looked or self.passed)
        at_end = not found.rows and found.last is None
        if at_end and self.looked is not None:
            # Posts may have come in between.
            found = find(self.passed)
        if found.rows:
            row = found.rows[0]
            self.shown, self.none_left = row["post_id"], False
            return row
        self.shown, self.looked = None, found.last
        self.none_left = at_end or self.none_left
        return None

    def go_on(self, passed: Row | None) -> None:
        """The reader is past a post, None: before the first."""
        self.shown, self.passed, self.looked, self.none_left = None, passed, None, False

    def decided(self, row: Row) -> None:
        """The reader has decided on the post."""
        if self.wanted.decision == "undecided":
            self.shown = None
        else:
            # The filter may still find it: it must not come again at once.
            self.go_on(row)
