"""The page of a list that a reader is at, and how it comes together over several drawings."""

from collections.abc import Callable
from dataclasses import dataclass, field

from finding import Page
from queries import Filter, Row

Find = Callable[[Row | None, int], Page]
"""Finds so many posts behind one, None: from the first on."""


@dataclass
class Pages:
    """The pages of a list, `limit` posts each; `starts` has the post behind which each one begins,
    up to the reader's.

    What is rare among many posts takes more than one call of :meth:`drawn`: each goes on where the
    last one stopped, until the page is complete. Then the next one begins again, for posts come
    meanwhile, and what was complete is shown until that is.
    """

    wanted: Filter
    order: str
    limit: int
    starts: list[Row | None] = field(default_factory=lambda: [None])
    _complete: Page | None = None
    _growing: Page | None = None

    @property
    def number(self) -> int:
        """The reader's page, from 1 on."""
        return len(self.starts)

    def drawn(self, find: Find) -> Page:
        """The page as far as it is found."""
        so_far = self._growing or Page(last=self.starts[-1])
        more = find(so_far.last, self.limit - len(so_far.rows))
        rows = so_far.rows + more.rows
        if len(rows) < self.limit and more.last is not None:
            self._growing = Page(rows, more.last)
            return self._complete or self._growing
        is_all = self.starts[-1] is None and more.last is None
        found = len(rows) if self._growing and is_all else more.found
        self._complete, self._growing = Page(rows, more.last, found), None
        return self._complete

    def is_growing(self, page: Page) -> bool:
        """Whether a page that was drawn is not complete."""
        return len(page.rows) < self.limit and page.last is not None

    def next(self, last: Row | None) -> None:
        """The reader turns to the page behind a post."""
        self._turn([*self.starts, last])

    def before(self) -> None:
        """The reader turns to the page before."""
        self._turn(self.starts[:-1] or [None])

    def _turn(self, starts: list[Row | None]) -> None:
        self.starts, self._complete, self._growing = starts, None, None
