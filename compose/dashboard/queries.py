"""What the page asks the database: statements and their values. Nothing here connects.

Rows are found by an index and paged by key, so that the last page of a million costs what the
first does. The indexes have posts in parts by verdict and decision, and a filter is counted in each
of them. Where it has many, the part is walked in its order until a page is full; where it has few,
they are found by whatever index finds them, and sorted. Words of captions are another matter:
words.py.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]
Query = tuple[str, list[Any]]
Kind = tuple[bool, str]
"""Whether posts are flagged, and what was decided on them."""
Counted = Mapping[Kind, int]
"""How many posts there are of each kind of which there are any, COUNTED + 1 at most."""

SETTINGS = (
    ("enable_seqscan", "off"),
    ("random_page_cost", "1.1"),
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("plan_cache_mode", "force_custom_plan"),
)
"""Of PostgreSQL's planner for the page. It takes posts to lie in no order, and would count a few
hundred decided ones by reading the million before them: they were written last. It takes what is
in memory to be on a disk that turns. To compile a query of 5 ms takes 200 ms, and what can be done
side by side is done whole, where the first of it would do. A plan that was made for one filter is
wrong for the next."""
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
NARROWING = ("author", "language", "score", "scored_at")
"""Columns that a filter may narrow, beside the kind and the words."""

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
COLUMNS = """
scored.post_id, scored.author, scored.caption, scored.language, scored.video_url, scored.text_score,
scored.video_score, scored.score, scored.flagged, scored.fusion, scored.text_weight,
scored.threshold, scored.model, scored.code_version, scored.posted_at, scored.scored_at,
scored.decision, crawled.deleted_at
"""
JOINED = """
JOIN scored_posts AS scored ON scored.post_id = page.post_id
LEFT JOIN crawled_posts AS crawled ON crawled.post_id = page.post_id
"""
ONE = f"SELECT {COLUMNS} FROM (SELECT %s AS post_id) AS page {JOINED}"  # noqa: S608
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
    """The posts of a filter without words, which has as many as were counted, behind `after`: the
    last one of the page before."""
    column, _ = ORDERS[order]
    conditions = [*filtered(wanted), *behind(order, after)]
    parts: list[Query] = []
    for kind, number in counted.items():
        text, values = joined([of_kind(kind), *conditions])
        found = f"SELECT post_id, {column} FROM scored_posts WHERE {text}"  # noqa: S608
        few = number <= COUNTED
        parts.append((found, values) if few else first(found, values, order, limit))
    found, values = union(parts)
    kept = f"WITH found AS MATERIALIZED ({found}) SELECT * FROM found"  # noqa: S608
    return page_of(kept, values, order, limit)


def count(wanted: Filter) -> Query:
    """How many of each kind a filter without words has, COUNTED + 1 at most."""
    parts: list[Query] = []
    for kind in kinds(wanted):
        text, values = joined([of_kind(kind), *filtered(wanted)])
        flagged, decision = kind
        counted = (
            f"SELECT {flagged} AS flagged, '{decision}' AS decision, count(*) AS posts"  # noqa: S608
            f" FROM (SELECT FROM scored_posts WHERE {text} LIMIT %s) AS counted"
        )
        parts.append((counted, [*values, COUNTED + 1]))
    return union(parts)


def kinds(wanted: Filter) -> list[Kind]:
    """What a filter takes, by verdict and decision."""
    flags = [flag for name, flag in VERDICTS.items() if wanted.verdict in (name, "any")]
    decided = [name for name in DECISIONS if wanted.decision in (name, "any")]
    return list(itertools.product(flags, decided))


def filtered(wanted: Filter, columns: Collection[str] = NARROWING) -> list[Query]:
    """The conditions that a filter puts on these columns, and their values."""
    author, language = wanted.author.strip().removeprefix("@"), wanted.language.strip()
    given: dict[str, list[Query]] = {column: [] for column in NARROWING}
    given["author"].append(("author = %s", [author]) if author else ("author <> %s", [CHECKS]))
    if language:
        given["language"].append(("language = %s", [language]))
    if wanted.low > 0:
        given["score"].append(("score >= %s", [wanted.low]))
    if wanted.high < 1:
        given["score"].append(("score <= %s", [wanted.high]))
    if wanted.hours is not None:
        since = "scored_at >= now() - %s * interval '1 hour'"
        given["scored_at"].append((since, [wanted.hours]))
    return [condition for column in columns for condition in given[column]]


def of_kind(kind: Kind) -> Query:
    """The condition of one kind, as the indexes have it."""
    flagged, decision = kind
    return f"flagged = {flagged} AND coalesce(decision, 'undecided') = '{decision}'", []


def behind(order: str, after: Row | None) -> list[Query]:
    """The condition of the posts that come after one."""
    if after is None:
        return []
    column, direction = ORDERS[order]
    compare = "<" if direction == "DESC" else ">"
    return [(f"({column}, post_id) {compare} (%s, %s)", [after[column], after["post_id"]])]


def sorting(order: str, table: str = "") -> str:
    """What posts of a table are sorted by."""
    column, direction = ORDERS[order]
    of = f"{table}." if table else ""
    return f"{of}{column} {direction}, {of}post_id {direction}"


def first(text: str, values: list[Any], order: str, limit: int) -> Query:
    """The first of a query."""
    return f"({text} ORDER BY {sorting(order)} LIMIT %s)", [*values, limit]


def page_of(
    found: str, values: list[Any], order: str, limit: int, also: Collection[str] = ()
) -> Query:
    """The first of the posts that a query gives, with all that is shown of them, and `also` what
    else it says of each."""
    more = "".join(f", page.{name}" for name in also)
    text = (
        f"SELECT {COLUMNS}{more} FROM ({found} ORDER BY {sorting(order)} LIMIT %s) AS page"  # noqa: S608
        f" {JOINED} ORDER BY {sorting(order, 'page')}"
    )
    return text, [*values, limit]


def joined(conditions: Iterable[Query]) -> Query:
    """All of the conditions."""
    texts, values = zip(*conditions, strict=True)
    return " AND ".join(texts), list(itertools.chain(*values))


def union(parts: Iterable[Query]) -> Query:
    """The rows of all of the queries."""
    texts, values = zip(*parts, strict=True)
    return " UNION ALL ".join(texts), list(itertools.chain(*values))
