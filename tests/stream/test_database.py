"""The schema: how it comes to be what the code needs, and that it answers at once."""

from __future__ import annotations

import json
import random
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import queries
from processing.rows import ScoredPost
from processing.store import as_json, newest, upsert_sql
from queries import Filter
from tests.stream.messages import a_post
from tests.stream.stack import SERVICES, Stack
from tests.unit.stack.samples import row

POSTS = 1_000_000
MOST_PAGES = 600
"""That a query of the dashboard may touch: the table has more than twenty thousand."""
BEFORE = """
CREATE TABLE scored_posts (post_id text PRIMARY KEY, author text NOT NULL, caption text NOT NULL,
language text NOT NULL, video_url text NOT NULL, text_score double precision NOT NULL,
video_score double precision, score double precision NOT NULL, flagged boolean NOT NULL,
fusion boolean NOT NULL, text_weight double precision NOT NULL, threshold double precision NOT NULL,
code_version text NOT NULL, posted_at timestamptz NOT NULL, crawled_at timestamptz NOT NULL,
scored_at timestamptz NOT NULL);
INSERT INTO scored_posts SELECT 'p' || n, 'author ' || n % 50000, 'caption ' || n, 'vi',
'http://clips/' || n, 0.25, 0.5, n % 100 / 100.0, n % 100 >= 50, true, 0.3, 0.5, 'before',
now(), now(), now() - n * interval '1 second' FROM generate_series(1, {posts}) AS n;
ANALYZE scored_posts;
"""
"""The table as the job made it until there were migrations."""
CONTENT = """
SELECT count(*) AS posts, sum(hashtext(row(post_id, author, caption, language, video_url,
text_score, video_score, score, flagged, fusion, text_weight, threshold, code_version, posted_at,
crawled_at, scored_at)::text)::bigint) AS content FROM scored_posts
"""
"""What was in that table, whatever columns have come since."""
SOME_DECIDED = """
UPDATE scored_posts SET decision = 'keep' WHERE flagged AND score > 0.95;
VACUUM ANALYZE scored_posts;
"""
ANY = Filter(verdict="any", decision="any")
MIDDLE = {
    "score": 0.75,
    "scored_at": datetime.now(timezone.utc) - timedelta(days=5),
    "post_id": "p5",
}
FILTERS = {
    "flagged": Filter(decision="any"),
    "to review": Filter(),
    "kept": Filter(decision="keep"),
    "clear": Filter(verdict="clear"),
    "any": ANY,
    "of an author": replace(ANY, author="author 7"),
    "of a language there is none of": replace(ANY, language="fr"),
    "with a word there is once": replace(ANY, search="777777"),
}
BY_INDEX = "SET {} TO {};".format(*queries.BY_INDEX)
FIGURES: dict[str, queries.Query] = {
    **{name: (getattr(queries, name), []) for name in ("TOTALS", "SCORES", "OVER_TIME", "LATEST")},
    "ONE": (queries.ONE, ["p77"]),
    "TRAIL": (queries.TRAIL, ["p77"]),
}


COUNTED = """
SELECT count(*) AS posts, count(*) FILTER (WHERE flagged) AS flagged, count(DISTINCT author)
AS authors, coalesce(round(sum(score::numeric), 9), 0) AS score FROM scored_posts
"""
KEPT = "SELECT posts, flagged, authors, round(score, 9) AS score FROM scored_totals"


class Database:
    """A database of its own in the stack's PostgreSQL."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self.name = name
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", "postgres")
        self.run(f"CREATE DATABASE {name}", "postgres")

    def run(self, statements: str, database: str = "") -> str:
        """What psql prints."""
        return self._stack.compose(
            *("exec", "-T", "postgres", "psql", "-qAtU", "user", "-v", "ON_ERROR_STOP=1"),
            *("-d", database or self.name),
            stdin=statements.encode(),
        )

    def one(self, query: str) -> dict[str, Any]:
        """The one row of a query."""
        found: dict[str, Any] = json.loads(self.run(f"SELECT row_to_json(a) FROM ({query}) a"))
        return found

    def migrate(self) -> None:
        """Runs the stack's own service on it."""
        once = ("run", "--rm", "-T", "--no-deps", "-e", f"PGDATABASE={self.name}", "migrate")
        self._stack.compose(*once)


@pytest.fixture
def database(stack: Stack) -> Database:
    """An empty one."""
    return Database(stack, "other")


def literal(query: queries.Query) -> str:
    """A query with its values in it."""
    text, values = query
    for value in values:
        told = str(value) if isinstance(value, (int, float)) else f"'{value}'"
        text = text.replace("%s", told, 1)
    return text


def asked(database: Database) -> Iterator[tuple[str, str]]:
    """All that the dashboard asks: lists by each order, at both ends and between, each after it
    has counted what the filter finds."""
    yield from ((name, literal(query)) for name, query in FIGURES.items())
    for name, wanted in FILTERS.items():
        count = literal(queries.count(wanted))
        yield f"{name}, counted", count
        few = database.one(count)["posts"] <= queries.COUNTED
        for order in queries.ORDERS:
            for after in (None, MIDDLE):
                query = literal(queries.posts(wanted, order, after, few=few))
                yield f"{name}, {order}{' from the middle' * bool(after)}", query


def a_row(chance: random.Random, number: int) -> ScoredPost:
    """A row of few posts by few authors."""
    found = row(f"p{chance.randrange(60)}", chance.randrange(20), number)
    post = replace(found.post, author=f"author {chance.randrange(12)}")
    score = chance.random()
    return replace(found, post=post, score=score, flagged=score >= 0.5)


def test_a_million_rows_are_kept_and_the_dashboards_queries_read_few_pages(
    database: Database,
) -> None:
    database.run(BEFORE.format(posts=POSTS))
    before = database.one(CONTENT)
    database.migrate()
    assert database.one(CONTENT) == before
    assert before["posts"] == POSTS
    assert database.one(KEPT) == database.one(COUNTED)
    database.run(SOME_DECIDED)
    for name, query in asked(database):
        explained = f"{BY_INDEX} EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}"
        told = json.loads(database.run(explained))[0]
        pages = told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"]
        print(f"{name}: {told['Execution Time']:.1f} ms, {pages} pages of {POSTS} rows")
        assert pages < MOST_PAGES, name


def test_migrations_that_run_at_once_and_again_are_made_once(database: Database) -> None:
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(database.migrate) for _ in range(2)]:
            done.result()
    made = database.run("SELECT version_num FROM alembic_version")
    database.migrate()
    assert database.run("SELECT version_num FROM alembic_version") == made


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


DENIED = (
    ("reader", "INSERT INTO scored_posts (post_id) VALUES ('a')"),
    ("reader", "UPDATE scored_posts SET flagged = false"),
    ("reader", "CREATE TABLE mine (a int)"),
    ("reader", "SELECT decide('a', 'keep', 'me', NULL)"),
    ("moderator", "SELECT 1 FROM scored_posts"),
    ("moderator", "UPDATE scored_posts SET decision = 'keep'"),
    ("moderator", "INSERT INTO decisions (post_id, decided_by) VALUES ('a', 'me')"),
    ("writer", "SELECT decide('a', 'keep', 'me', NULL)"),
    ("writer", "DELETE FROM scored_posts"),
    ("writer", "UPDATE scored_totals SET posts = 0"),
    ("writer", "ALTER TABLE scored_posts DROP COLUMN flagged"),
    ("writer", "CREATE ROLE another SUPERUSER"),
    ("crawler", "INSERT INTO scored_posts (post_id) VALUES ('a')"),
)
SUPERUSERS = """
SELECT DISTINCT usename FROM pg_stat_activity JOIN pg_user USING (usename)
WHERE usesuper AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def said_to(stack: Stack, role: str, statement: str, database: str = "tiktok_safety_db") -> str:
    """What the database answers a role that comes over the network, with its password."""
    password = stack.passwords[f"POSTGRES_{role.upper()}_PASSWORD"]
    psql = f"psql -qAt -v ON_ERROR_STOP=1 -h $(hostname -i) -U {role} -d {database}"
    words = ("exec", "-T", "-e", f"PGPASSWORD={password}", "postgres", "sh", "-c")
    return stack.compose(*words, f"{psql} 2>&1 || true", stdin=statement.encode()).strip()


def test_each_role_can_do_its_work_and_nothing_else(stack: Stack) -> None:
    stack.send([a_post("by-the-writer")])
    stack.settle()
    assert said_to(stack, "reader", "SELECT posts > 0 FROM scored_totals") == "t"
    assert said_to(stack, "airflow", "SELECT current_user", "airflow") == "airflow"
    for arguments, done in (("'keep', 'me', NULL", "t"), ("'remove', 'me', NULL", "f")):
        decide = f"SELECT decide('by-the-writer', {arguments})"
        assert said_to(stack, "moderator", decide) == done
    trail = "SELECT count(*), max(after) FROM decisions WHERE post_id = 'by-the-writer'"
    assert said_to(stack, "reader", trail) == "1|keep"
    for role, statement in DENIED:
        said = said_to(stack, role, statement)
        assert "permission denied" in said or "must be" in said, (statement, said)
    assert "permission denied" in said_to(stack, "airflow", "SELECT 1")
    assert "permission denied" in said_to(stack, "reader", "SELECT 1", "airflow")
    assert stack.sql(SUPERUSERS) == []


def test_each_role_has_a_password_of_its_own_and_takes_over_a_new_one(
    stack: Stack, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "POSTGRES_CRAWLER_PASSWORD"
    with monkeypatch.context() as patch:
        for other in ("it's a : \\ $new %s one", stack.passwords["POSTGRES_READER_PASSWORD"]):
            patch.setitem(stack.passwords, name, other)
            assert "authentication failed" in said_to(stack, "crawler", "SELECT 1")
            database.migrate()
            assert said_to(stack, "crawler", "SELECT 1") == "1"
    database.migrate()
    assert said_to(stack, "crawler", "SELECT 1") == "1"


def test_no_password_is_in_what_the_engine_tells(stack: Stack) -> None:
    found = stack.compose("ps", "-aq").split()
    assert len(found) == len(SERVICES)
    told = subprocess.run(["docker", "inspect", *found], capture_output=True, check=True).stdout
    for name, password in stack.passwords.items():
        assert password not in told.decode(), name
    # Containers have what the model says: those of all services, then.
    model = stack.compose("--profile", "*", "config")
    assert "/run/secrets/reader_password" in model
    for name, password in stack.passwords.items():
        assert password not in model, name


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
