"""What the page asks for posts with certain words: each question looks at LOOKED posts at most.

An index knows which posts have a word, others which come next in an order; none knows both. Where
few posts have the words, all of those are looked at; where the rest of the filter leaves few, all
of these. Else posts are looked at in their order, so many at a time: what is common comes soon.
Which of the three it is can't be left to PostgreSQL's planner, which takes words, scores and
decisions to have nothing to do with each other.
"""

import re

from queries import (
    CHECKS,
    NARROWING,
    ORDERS,
    Filter,
    Query,
    Row,
    behind,
    filtered,
    first,
    joined,
    kinds,
    of_kind,
    page_of,
    sorting,
    union,
)

LOOKED = 2000
"""Posts that one question looks at."""
HAVING = "words @@ websearch_to_tsquery('simple', %s)"
SEEN = "post_id, author, language, score, scored_at, flagged, decision"
"""What tells whether a post is wanted, and where it stands."""
LEADING = {"score": ("author", "score"), "scored_at": ("scored_at",)}
"""Columns that an index narrows posts by and still has them in an order."""


def demanded(search: str) -> Query:
    """What a post must have, as the index can tell it: "T" where that is nothing (-word)."""
    return "SELECT querytree(websearch_to_tsquery('simple', %s)) AS words", [search]


def each(tree: str) -> list[str]:
    """The parts of such a tree that the index lists posts for, of which the shortest list counts:
    its words, or all of it where any of them will do."""
    return [tree] if "|" in tree else re.findall(r"'(?:[^']|'')*'", tree)


def estimate(tree: str) -> Query:
    """How many posts have a part of one, as the planner takes it: no index is read for that."""
    return "EXPLAIN (FORMAT JSON) SELECT FROM scored_posts WHERE words @@ %s::tsquery", [tree]


def occurrences(search: str) -> Query:
    """How many posts have the words, LOOKED + 1 at most."""
    found, values = with_words(search)
    return f"SELECT count(*) AS posts FROM ({found}) AS found", values  # noqa: S608


def with_words(search: str) -> Query:
    """The posts that have the words, as far as they are counted."""
    return f"SELECT {SEEN} FROM scored_posts WHERE {HAVING} LIMIT {LOOKED + 1}", [search]  # noqa: S608


def narrowing(wanted: Filter) -> list[str]:
    """The columns that a filter narrows, each of which an index has the posts of a kind by."""
    return [
        name
        for name in NARROWING
        if any(values != [CHECKS] for _, values in filtered(wanted, [name]))
    ]


def in_range(wanted: Filter, column: str) -> Query:
    """How many posts a filter leaves by one of its columns alone, LOOKED + 1 at most."""
    found, values = _range(wanted, column)
    return f"SELECT count(*) AS posts FROM ({found} LIMIT {LOOKED + 1}) AS found", values  # noqa: S608


def narrowed(wanted: Filter, column: str) -> Query:
    """Those of these posts that have the words. They are read one by one, each by its id: any other
    way reads others too."""
    found, values = _range(wanted, column)
    text = (
        f"SELECT {SEEN} FROM (SELECT * FROM ({found}) AS found LIMIT {LOOKED}) AS narrow, LATERAL"  # noqa: S608
        f" (SELECT * FROM scored_posts AS one WHERE one.post_id = narrow.id OFFSET 0) AS read"
        f" WHERE {HAVING}"
    )
    return text, [*values, wanted.search]


def _range(wanted: Filter, column: str) -> Query:
    conditions = filtered(wanted, [column])
    return union(
        (f"SELECT post_id AS id FROM scored_posts WHERE {text}", values)  # noqa: S608
        for text, values in (joined([of_kind(kind), *conditions]) for kind in kinds(wanted))
    )


def few(among: Query, wanted: Filter, order: str, after: Row | None, limit: int) -> Query:
    """A page of the posts that are wanted among few, and `found`: how many these are."""
    any_kind = " OR ".join(f"({of_kind(kind)[0]})" for kind in kinds(wanted))
    text, values = joined([(f"({any_kind})", []), *filtered(wanted)])
    rest, key = joined([("true", []), *behind(order, after)])
    return page_of(
        f"SELECT * FROM (SELECT *, count(*) OVER () AS found FROM ({among[0]}) AS seen"  # noqa: S608
        f" WHERE {text}) AS found WHERE {rest}",
        [*among[1], *values, *key],
        order,
        limit,
        ("found",),
    )


def look(wanted: Filter, order: str, after: Row | None, limit: int) -> Query:
    """Looks at the next posts in their order: gives those that are wanted, until there are enough,
    and the last that was looked at. `number` says which of the posts looked at it is, `wanted`
    whether it is wanted."""
    column, _ = ORDERS[order]
    leading = filtered(wanted, LEADING[column])
    walked, values = union(
        first(f"SELECT {SEEN}, words FROM scored_posts WHERE {text}", given, order, LOOKED)  # noqa: S608
        for text, given in (
            joined([of_kind(kind), *leading, *behind(order, after)]) for kind in kinds(wanted)
        )
    )
    text, given = joined([(HAVING, [wanted.search]), *filtered(wanted)])
    # Nothing here is sorted: PostgreSQL ends when there are enough.
    return page_of(
        f"SELECT * FROM (SELECT *, {text} AS wanted, row_number() OVER () AS number"  # noqa: S608
        f" FROM (SELECT * FROM ({walked}) AS kinds ORDER BY {sorting(order)} LIMIT {LOOKED})"
        f" AS walked) AS looked WHERE wanted OR number = {LOOKED}",
        [*given, *values],
        order,
        limit,
        ("wanted", "number"),
    )
