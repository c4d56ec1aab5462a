"""What the page asks the database: statements and their values. Nothing here connects.

Rows are found by an index and paged by key, so that the last page of a million costs what the
first does. The indexes have posts in parts by verdict and decision, and a filter is counted in each
of them. Where it has many, the part is walked in its order until a page is full; where it has few,
they are found by whatever index finds them, and sorted: PostgreSQL can't know how often a word of
a caption occurs, and would walk past a million others to the one post that has it.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]
Query = tuple[str, list[Any]]
Kind = tuple[bool, str]
"""Whether posts are flagged, and what was decided on them."""
Counted = Mapping[Kind, int]
"""How many posts there are of each kind of which there are any, COUNTED + 1 at most."""

SETTINGS = (("enable_seqscan", "off"), ("random_page_cost", "1.1"), ("jit", "off"))
"""Of PostgreSQL's planner for the page. It takes posts to lie in no order, and would count a few
hundred decided ones by reading the million before them: they were written last. It takes what is
in memory to be on a disk that turns. And to compile a query of 5 ms takes 200 ms."""
CHECKS = "verify"
"""Author of the posts that `inv verify` sends: they are nobody's, and in no figure."""
SLOTS = 40
"""Parts that the time of the newest posts is cut into."""
COUNTED = 500
"""Posts that are counted one by one, at most."""
VERDICTS = {"flagged": True, "clear": False}
DECISIONS = ("undecided", "keep", "remove", "unsure")
HOURS = {"any time": None, "last hour": 1, "last day": 24, "last week": 168}
ORDERS = {
    "highest score": ("score", "DESC"),
    "newest": ("scored_at", "DESC"),
    "oldest": ("scored_at", "ASC"),
}
"""By what posts are sorted, and then by their ids in the same direction."""

TOTALS = """
SELECT kept.posts - checks.posts AS posts, kept.flagged - checks.flagged AS flagged,
       ((kept.score - checks.score) / nullif(kept.posts - checks.posts, 0))::double precision
           AS average,
       kept.authors - (checks.posts > 0)::int AS authors,
       (SELECT max(scored_at) FROM scored_posts) AS last_scored,
       (SELECT count(*) FROM (
            SELECT FROM scored_posts WHERE flagged AND coalesce(decision, 'undecided') = 'undecided'
            AND author <> 'verify' LIMIT 501
        ) AS counted) AS waiting
FROM scored_totals AS kept, (
    SELECT count(*) AS posts, count(*) FILTER (WHERE flagged) AS flagged,
           coalesce(sum(score::numeric), 0) AS score
    FROM scored_posts WHERE author = 'verify'
) AS checks
"""
# As `numeric`: 0.29 is a hundred times 0.29 there, and not a little less.
SCORES = """
SELECT floor(score::numeric * 100)::int AS cent, flagged, count(*) AS posts
FROM (
    SELECT score, flagged FROM scored_posts WHERE author <> 'verify'
    ORDER BY scored_at DESC, post_id DESC LIMIT 2000
) AS newest
GROUP BY cent, flagged
"""
OVER_TIME = """
WITH newest AS (
    SELECT score, flagged, scored_at FROM scored_posts WHERE author <> 'verify'
    ORDER BY scored_at DESC, post_id DESC LIMIT 2000
), span AS (
    SELECT extract(epoch FROM min(scored_at)) AS start,
           extract(epoch FROM max(scored_at)) + 1 AS stop FROM newest
)
SELECT width_bucket(extract(epoch FROM scored_at), start, stop, 40) AS slot, count(*) AS posts,
       count(*) FILTER (WHERE flagged) AS flagged, avg(score) AS average,
       min(scored_at) AS first, max(scored_at) AS last
FROM newest, span GROUP BY slot ORDER BY slot
"""
LATEST = """
SELECT post_id, caption, text_score, video_score, score, flagged, fusion, text_weight, threshold
FROM scored_posts WHERE author <> 'verify' ORDER BY scored_at DESC, post_id DESC LIMIT 300
"""
NEWEST = """
SELECT threshold, model, code_version, (
    SELECT count(*) FROM scored_posts
    WHERE scored_at >= now() - interval '1 minute' AND author <> 'verify'
) AS last_minute
FROM scored_posts WHERE author <> 'verify' ORDER BY scored_at DESC, post_id DESC LIMIT 1
"""
MODELS = """
SELECT model, manifest -> 'metrics' AS metrics, used_at FROM scoring_models
ORDER BY used_at DESC LIMIT 1
"""
# A post that is gone from the feed keeps its row: when it went is what the crawler remembers.
ONE = """
SELECT scored.*, crawled.deleted_at
FROM scored_posts AS scored LEFT JOIN crawled_posts AS crawled ON crawled.post_id = scored.post_id
WHERE scored.post_id = %s
"""
TRAIL = """
SELECT decided_at, decided_by, before, after FROM decisions WHERE post_id = %s
ORDER BY number DESC LIMIT 20
"""
DECIDE = "SELECT decide(%s, %s, %s, %s) AS done"


@dataclass(frozen=True)
class Totals:
    """Counts over all scored posts; last_scored is None while there are none. `waiting` are the
    flagged ones that nobody has decided on, COUNTED + 1 at most."""

    posts: int = 0
    flagged: int = 0
    average: float | None = None
    authors: int = 0
    last_scored: datetime | None = None
    waiting: int = 0


@dataclass(frozen=True)
class Filter:
    """Which posts are wanted; an empty text is any. `hours` are those before now."""

    search: str = ""
    author: str = ""
    language: str = ""
    verdict: str = "flagged"
    decision: str = "undecided"
    low: float = 0.0
    high: float = 1.0
    hours: int | None = None


def posts(wanted: Filter, order: str, after: Row | None, limit: int, counted: Counted) -> Query:
    """The posts of a filter, which has as many as were counted, behind `after`: the last one of
    the page before."""
    column, direction = ORDERS[order]
    by = f"{column} {direction}, post_id {direction}"
    conditions, values = _conditions(wanted)
    if after is not None:
        compare = "<" if direction == "DESC" else ">"
        conditions.append(f"({column}, post_id) {compare} (%s, %s)")
        values += [after[column], after["post_id"]]
    parts, given = [], []
    for kind, number in counted.items():
        found = f"SELECT post_id, {column} FROM scored_posts WHERE {_where(kind, conditions)}"  # noqa: S608
        few = number <= COUNTED
        parts.append(found if few else f"({found} ORDER BY {by} LIMIT %s)")
        given += values if few else [*values, limit]
    text = (
        f"WITH found AS MATERIALIZED ({' UNION ALL '.join(parts)})"  # noqa: S608
        f" SELECT scored.*, crawled.deleted_at FROM"
        f" (SELECT post_id FROM found ORDER BY {by} LIMIT %s) AS page"
        " JOIN scored_posts AS scored ON scored.post_id = page.post_id"
        " LEFT JOIN crawled_posts AS crawled ON crawled.post_id = page.post_id"
        f" ORDER BY scored.{column} {direction}, scored.post_id {direction}"
    )
    return text, [*given, limit]


def count(wanted: Filter) -> Query:
    """How many of each kind there are, COUNTED + 1 at most."""
    conditions, values = _conditions(wanted)
    parts = [
        f"SELECT {flagged} AS flagged, '{decision}' AS decision, count(*) AS posts FROM (SELECT"  # noqa: S608
        f" FROM scored_posts WHERE {_where((flagged, decision), conditions)} LIMIT %s) AS counted"
        for flagged, decision in kinds(wanted)
    ]
    return " UNION ALL ".join(parts), [*values, COUNTED + 1] * len(parts)


def kinds(wanted: Filter) -> list[Kind]:
    """What a filter takes, by verdict and decision."""
    flags = [flag for name, flag in VERDICTS.items() if wanted.verdict in (name, "any")]
    decided = [name for name in DECISIONS if wanted.decision in (name, "any")]
    return list(itertools.product(flags, decided))


def _where(kind: Kind, conditions: list[str]) -> str:
    flagged, decision = kind
    return " AND ".join(
        [f"flagged = {flagged} AND coalesce(decision, 'undecided') = '{decision}'", *conditions]
    )


def _conditions(wanted: Filter) -> tuple[list[str], list[Any]]:
    given: list[tuple[str, Any]] = []
    if wanted.search.strip():
        given.append(
            (
                "to_tsvector('simple', caption) @@ websearch_to_tsquery('simple', %s)",
                wanted.search,
            )
        )
    author = wanted.author.strip().removeprefix("@")
    given.append(("author = %s", author) if author else ("author <> %s", CHECKS))
    if wanted.language.strip():
        given.append(("language = %s", wanted.language.strip()))
    if wanted.low > 0:
        given.append(("score >= %s", wanted.low))
    if wanted.high < 1:
        given.append(("score <= %s", wanted.high))
    if wanted.hours is not None:
        given.append(("scored_at >= now() - %s * interval '1 hour'", wanted.hours))
    return [text for text, _ in given], [value for _, value in given]
