"""A page of posts, found by short questions, whatever the filter and however many there are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import queries
import words
from queries import Filter, Query, Row

LOOKS = 50
"""Questions for one page: then it is what has been found by then."""
LISTED = 20_000
"""Posts with a word, by the planner's estimate, up to which the index on words is asked: it lists
them all before it gives the first."""

Ask = Callable[[Query], list[Row]]


@dataclass(frozen=True)
class Page:
    """Posts, and the one behind which the next page begins: None where nothing is left. `found` is
    how many there are in all, as far as they are counted; None where they are not."""

    rows: list[Row] = field(default_factory=list)
    last: Row | None = None
    found: int | None = None


def find(ask: Ask, wanted: Filter, order: str, after: Row | None, limit: int) -> Page:
    """The posts of a filter behind `after`."""
    if wanted.search.strip():
        among = _few(ask, wanted)
        if among is None:
            return _look(ask, wanted, order, after, limit)
        rows = ask(words.few(among, wanted, order, after, limit + 1))
        return _page(rows, limit, rows[0]["found"] if rows else 0)
    counted = {
        (row["flagged"], row["decision"]): row["posts"] for row in ask(queries.count(wanted))
    }
    counted = {kind: posts for kind, posts in counted.items() if posts}
    if not counted:
        return Page(found=0)
    rows = ask(queries.posts(wanted, order, after, limit + 1, counted))
    return _page(rows, limit, sum(counted.values()))


def find_all(ask: Ask, wanted: Filter, order: str, limit: int) -> Iterator[Row]:
    """The posts of a filter, page after page."""
    page = find(ask, wanted, order, None, limit)
    yield from page.rows
    while page.last is not None:
        page = find(ask, wanted, order, page.last, limit)
        yield from page.rows


def _few(ask: Ask, wanted: Filter) -> Query | None:
    """The few posts among which all that are wanted are; None where they are not so few."""
    if _are_rare(ask, wanted.search):
        return words.with_words(wanted.search)
    for column in words.narrowing(wanted):
        (counted,) = ask(words.in_range(wanted, column))
        if counted["posts"] <= words.LOOKED:
            return words.narrowed(wanted, column)
    return None


def _are_rare(ask: Ask, search: str) -> bool:
    """Whether few posts have the words, or these are none. Nothing is asked that takes long."""
    (demanded,) = ask(words.demanded(search))
    if not demanded["words"]:
        return True
    plans = [ask(words.estimate(part))[0] for part in words.each(demanded["words"])]
    listed = [plan["QUERY PLAN"][0]["Plan"]["Plan Rows"] for plan in plans]
    if not listed or min(listed) > LISTED:
        return False
    (counted,) = ask(words.occurrences(search))
    return bool(counted["posts"] <= words.LOOKED)


def _look(ask: Ask, wanted: Filter, order: str, after: Row | None, limit: int) -> Page:
    """What is found in so many looks."""
    rows: list[Row] = []
    from_the_top = after is None
    for _ in range(LOOKS):
        seen = ask(words.look(wanted, order, after, limit + 1 - len(rows)))
        rows += [row for row in seen if row["wanted"]]
        if len(rows) > limit or not seen or seen[-1]["number"] < words.LOOKED:
            all_seen = from_the_top and len(rows) <= limit
            return _page(rows, limit, len(rows) if all_seen else None)
        after = seen[-1]
    return Page(rows, after)


def _page(rows: list[Row], limit: int, found: int | None) -> Page:
    shown = rows[:limit]
    return Page(shown, shown[-1] if len(rows) > limit else None, found)
