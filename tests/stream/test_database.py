"""The schema: how it comes to be what the code needs, and that it answers at once."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

import finding
import queries
import words
from finding import find, find_all
from processing.rows import ScoredPost
from processing.store import as_json, newest, upsert_sql
from queries import Filter
from tests.stream.database import BEFORE, Database, literal
from tests.stream.stack import ROOT, Stack
from tests.unit.stack.samples import row

VERSIONS = ROOT / "compose" / "migrations" / "versions"
POSTS = 1_000_000
PAGE = 26
MOST_PAGES = 1000
"""That a list of the dashboard may touch: the table has more than twenty thousand."""
MOST_PAGES_OF_RANDOM = 5 * words.LOOKED
"""That any question for any filter may touch, words and all: so many posts, each by its id."""
RANDOM_FILTERS = 80
WORDS = (
    *("caption", "third1", "low", "high", "few7", "rare77", "777777", "nowhere", "..."),
    *("low few7", "high low", "low -third1", '"third1 high"', "third1 or few7", "-caption", "-low"),
)
CONTENT = """
SELECT count(*) AS posts, sum(hashtext(row(post_id, author, caption, language, video_url,
text_score, video_score, score, flagged, fusion, text_weight, threshold, code_version, posted_at,
crawled_at, scored_at)::text)::bigint) AS content FROM scored_posts
"""
"""What was in that table, whatever columns have come since."""
REVISIONS = sorted(file.name[:4] for file in VERSIONS.glob("*.py"))
COLUMNS = """
SELECT json_object_agg(name, columns) FROM (
    SELECT table_name AS name, string_agg(quote_ident(column_name), ', ' ORDER BY column_name)
    AS columns FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' GROUP BY table_name
) AS tables
"""
SOME_DECIDED = """
UPDATE scored_posts SET decision = 'keep' WHERE flagged AND score > 0.95;
UPDATE scored_posts SET decision = 'unsure' WHERE post_id IN ('p77', 'p99', 'p999999');
VACUUM ANALYZE scored_posts;
"""
ANY = Filter(verdict="any", decision="any")
LISTS = {
    "flagged": Filter(decision="any"),
    "to review": Filter(),
    "kept": Filter(decision="keep"),
    "unsure": replace(ANY, decision="unsure"),
    "clear": Filter(verdict="clear"),
    "any": ANY,
}
NARROWED: dict[str, dict[str, Any]] = {
    "": {},
    "of an author": {"author": "author 7"},
    "of nobody": {"author": "nobody"},
    "of a language there is none of": {"language": "fr"},
    "of the last hour": {"hours": 1},
    "of the last week": {"hours": 168},
    "with the highest scores": {"low": 0.97},
    "with scores between": {"low": 0.4, "high": 0.41},
    "with scores between, of the last day": {"low": 0.55, "high": 0.56, "hours": 24},
    "with the highest scores, in a language": {"low": 0.98, "language": "vi"},
}
FILTERS = {
    f"{name} {narrower}".rstrip(): replace(wanted, **fields)
    for name, wanted in LISTS.items()
    for narrower, fields in NARROWED.items()
}
SETTINGS = "".join(f"SET {name} TO {value};" for name, value in queries.SETTINGS)
FIGURES: dict[str, queries.Query] = {
    **{
        name: (getattr(queries, name), [])
        for name in ("TOTALS", "SCORES", "OVER_TIME", "LATEST", "NEWEST", "MODELS")
    },
    "ONE": (queries.ONE, ["p77"]),
    "TRAIL": (queries.TRAIL, ["p77"]),
}


COUNTED = """
SELECT count(*) AS posts, count(*) FILTER (WHERE flagged) AS flagged, count(DISTINCT author)
AS authors, coalesce(round(sum(score::numeric), 9), 0) AS score FROM scored_posts
"""
KEPT = "SELECT posts, flagged, authors, round(score, 9) AS score FROM scored_totals"


def turned(query: str) -> str:
    """The same list from its other end."""
    there, back = ("DESC", "ASC") if "DESC" in query else ("ASC", "DESC")
    return query.replace(f" {there}", f" {back}")


def asked(database: Database) -> dict[str, str]:
    """All that the dashboard asks: each list is counted, and then comes by each order, from its
    beginning, behind its first page, and at its end."""
    queries_of = {name: literal(query) for name, query in FIGURES.items()}
    counts = {name: literal(queries.count(wanted)) for name, wanted in FILTERS.items()}
    lists = {}
    for name, rows in zip(FILTERS, database.all(counts.values()), strict=True):
        counted = {(row["flagged"], row["decision"]): row["posts"] for row in rows if row["posts"]}
        for order in queries.ORDERS if counted else ():
            lists[f"{name}, {order}"] = (FILTERS[name], order, counted)
    first = {
        name: literal(queries.posts(wanted, order, None, PAGE, counted))
        for name, (wanted, order, counted) in lists.items()
    }
    shown = database.all(first.values())
    shown_last = database.all(turned(query) for query in first.values())
    for (name, (wanted, order, counted)), rows, last in zip(
        lists.items(), shown, shown_last, strict=True
    ):
        for page, after in (("next", rows[-1]), ("last", last[len(last) // 2])):
            query = queries.posts(wanted, order, after, PAGE, counted)
            queries_of[f"{name}, {page} page"] = literal(query)
    return {**queries_of, **{f"{name}, counted": query for name, query in counts.items()}, **first}


def a_filter(chance: random.Random) -> Filter:
    """Any filter: words that go with a score, or with none, and a range of scores."""
    low, high = sorted(chance.choice([0.0, 1.0, chance.randrange(101) / 100]) for _ in range(2))
    return Filter(
        search=chance.choice(WORDS) if chance.random() < 0.8 else "",
        author=chance.choice(["author 7", "author 49"]) if chance.random() < 0.2 else "",
        language=chance.choice(["vi", "fr"]) if chance.random() < 0.3 else "",
        verdict=chance.choice([*queries.VERDICTS, "any"]),
        decision=chance.choice([*queries.DECISIONS, "any"]),
        low=low,
        high=high,
        hours=chance.choice(list(queries.HOURS.values())),
    )


def all_of(wanted: Filter, order: str) -> str:
    """A filter's posts, as one would ask for them who has time."""
    of_words = [(words.HAVING, [wanted.search])] if wanted.search else []
    kinds = " OR ".join(f"({queries.of_kind(kind)[0]})" for kind in queries.kinds(wanted))
    text, values = queries.joined([(f"({kinds})", []), *of_words, *queries.filtered(wanted)])
    return literal(
        (
            f"SELECT post_id FROM scored_posts WHERE {text} ORDER BY {queries.sorting(order)}",
            values,
        )
    )


def a_row(chance: random.Random, number: int) -> ScoredPost:
    """A row of few posts by few authors."""
    result = row(f"p{chance.randrange(60)}", chance.randrange(20), number)
    post = replace(result.post, author=f"author {chance.randrange(12)}")
    score = chance.random()
    return replace(result, post=post, score=score, flagged=score >= 0.5)


def test_a_million_rows_are_kept_and_the_dashboards_questions_read_few_pages(
    database: Database,
) -> None:
    database.run(BEFORE.format(posts=POSTS))
    before = database.one(CONTENT)
    database.migrate()
    assert database.one(CONTENT) == before
    assert before["posts"] == POSTS
    assert database.one(KEPT) == database.one(COUNTED)
    database.run(SOME_DECIDED)
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
    all_asked = asked(database)
    told = database.json(SETTINGS + "".join(f"{explain}{query};" for query in all_asked.values()))
    most = {}
    for name, (result,) in zip(all_asked, told, strict=True):
        pages = result["Plan"]["Shared Hit Blocks"] + result["Plan"]["Shared Read Blocks"]
        print(f"{name}: {result['Execution Time']:.1f} ms, {pages} pages of {POSTS} rows")
        most[name] = pages
    assert {name: pages for name, pages in most.items() if pages > MOST_PAGES} == {}
    chance = random.Random(20)
    with database.asked(SETTINGS) as ask:
        for _ in range(RANDOM_FILTERS):
            wanted, order = a_filter(chance), chance.choice(list(queries.ORDERS))
            page = find(ask, wanted, order, None, PAGE)
            if page.last is not None:
                find(ask, wanted, order, page.last, PAGE)
        print(f"{len(ask.pages)} questions for random filters: {max(ask.pages)[0]} pages at most")
        assert [told for told in ask.pages if told[0] > MOST_PAGES_OF_RANDOM] == []


def test_any_filter_finds_all_its_posts_in_their_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "LOOKED", 100)
    monkeypatch.setattr(finding, "LISTED", 500)
    monkeypatch.setattr(finding, "LOOKS", 3)
    database.run(BEFORE.format(posts=3000))
    database.migrate()
    database.run(SOME_DECIDED)
    chance = random.Random(20)
    with database.asked(SETTINGS) as ask:
        for _ in range(RANDOM_FILTERS):
            wanted, order = a_filter(chance), chance.choice(list(queries.ORDERS))
            results = [row["post_id"] for row in find_all(ask, wanted, order, PAGE)]
            expected = ask.say(f"{all_of(wanted, order)};").split()
            assert results == expected, wanted


def test_migrations_that_run_at_once_and_again_are_made_once(database: Database) -> None:
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(database.migrate) for _ in range(2)]:
            done.result()
    made = database.run("SELECT version_num FROM alembic_version")
    database.migrate()
    assert database.run("SELECT version_num FROM alembic_version") == made


@pytest.fixture(scope="module")
def new_schema(stack: Stack) -> str:
    """The schema of a database that has no past."""
    new = Database(stack, "new")
    new.migrate()
    return new.schema()


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_a_database_of_any_earlier_schema_becomes_the_present_one_with_all_its_data(
    database: Database, new_schema: str, revision: str
) -> None:
    database.make_before(revision)
    columns = json.loads(database.run(COLUMNS))
    before = database.contents(columns)
    print(before)
    assert all(found["count"] for found in before.values())
    for _ in range(2):
        database.migrate()
        assert database.run("SELECT version_num FROM alembic_version") == f"{REVISIONS[-1]}\n"
        assert database.contents(columns) == before
        assert database.schema() == new_schema
        assert database.one(KEPT) == database.one(COUNTED)


def test_a_schema_from_later_code_is_left_alone_and_told(database: Database) -> None:
    database.migrate()
    database.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(AssertionError, match="the schema is at 9999, this code knows none"):
        database.migrate()


def test_counts_are_true_whoever_writes_at_the_same_time(database: Database) -> None:
    database.migrate()
    scripts = []
    for writer in range(4):
        chance = random.Random(writer)
        statement = upsert_sql().replace("%s", "$1")
        lines = [f"PREPARE write(jsonb) AS {statement};"]
        for number in range(40):
            rows = newest(a_row(chance, number) for _ in range(chance.randrange(30)))
            lines.append(f"EXECUTE write($json${as_json(rows)}$json$);")
            if chance.random() < 0.2:
                lines.append(f"DELETE FROM scored_posts WHERE post_id = 'p{chance.randrange(60)}';")
        scripts.append("\n".join(lines))
    ready = threading.Barrier(len(scripts))

    def write(script: str) -> None:
        ready.wait()
        database.run(script)

    with ThreadPoolExecutor(len(scripts)) as threads:
        for done in [threads.submit(write, script) for script in scripts]:
            done.result()
    counted = database.one(COUNTED)
    print(counted)
    assert database.one(KEPT) == counted
    assert counted["posts"] > 0
    database.run("TRUNCATE scored_posts")
    assert database.one(KEPT) == database.one(COUNTED)


def test_a_job_whose_table_lacks_a_column_waits_and_says_so(stack: Stack) -> None:
    def rename(old: str, new: str) -> None:
        statement = f"ALTER TABLE scored_posts RENAME {old} TO {new}"
        words = ("exec", "-T", "postgres", "psql", "-qU", "user", "-d", "tiktok_safety_db")
        stack.compose(*words, "-c", statement)

    started = stack.inspect()["State"]["StartedAt"]
    rename("video_score", "other_score")
    try:
        stack.kill_program("java")
        said = "the schema is not migrated since"
        stack.wait_for(lambda: said in stack.health(), "health tells of the schema")
        assert 'column "video_score" does not exist' in stack.health()
    finally:
        rename("other_score", "video_score")
    stack.wait_until_streaming()
    assert stack.inspect()["State"]["StartedAt"] == started
