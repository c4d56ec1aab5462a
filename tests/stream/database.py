"""A database of its own for a test, now or as it was at an earlier schema."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

import queries
from tests.stream.stack import Stack

END = "that is all"
BEFORE = """
CREATE TABLE scored_posts (post_id text PRIMARY KEY, author text NOT NULL, caption text NOT NULL,
language text NOT NULL, video_url text NOT NULL, text_score double precision NOT NULL,
video_score double precision, score double precision NOT NULL, flagged boolean NOT NULL,
fusion boolean NOT NULL, text_weight double precision NOT NULL, threshold double precision NOT NULL,
code_version text NOT NULL, posted_at timestamptz NOT NULL, crawled_at timestamptz NOT NULL,
scored_at timestamptz NOT NULL);
INSERT INTO scored_posts SELECT 'p' || n, 'author ' || n % 50000,
'caption ' || n || ' third' || n % 3 || CASE WHEN n % 100 < 50 THEN ' low' ELSE ' high' END
|| ' few' || n % 400 || ' rare' || n % 2000, 'vi',
'http://clips/' || n, 0.25, 0.5, n % 100 / 100.0, n % 100 >= 50, true, 0.3, 0.5, 'before',
now(), now(), now() - n * interval '1 second' FROM generate_series(1, {posts}) AS n;
ANALYZE scored_posts;
"""
"""The table as the job made it until there were migrations. In its captions are words that every
post has, a third of them, the half with the higher scores, and few."""
MADE_BEFORE = """
import os, sys
sys.path.insert(0, "/opt/migrations")
import roles, sqlalchemy
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

wanted = sys.argv[1]
script = ScriptDirectory("/opt/migrations")
where = sqlalchemy.URL.create(
    "postgresql+psycopg", "user", roles.password("postgres"), "postgres",
    database=os.environ["PGDATABASE"],
)
with sqlalchemy.create_engine(where).begin() as connection:
    context = MigrationContext.configure(connection)
    for one in reversed([*script.iterate_revisions(wanted, "base")]):
        # Until then there were no roles, and the superuser had all.
        if one.revision == "0003":
            roles.make_roles(connection.connection.driver_connection)
            connection.execute(sqlalchemy.text("SET LOCAL ROLE owner"))
        with Operations.context(context):
            one.module.upgrade()
    context.stamp(script, wanted)
"""
"""As the migrations up to one made a database in their time."""
SOME_DATA = {
    "0003": """
        INSERT INTO crawled_posts SELECT 'p' || n, sha256(n::text::bytea), 'topic', 'http://feed',
        now(), CASE WHEN n % 3 = 0 THEN now() END FROM generate_series(1, 500) AS n;
    """,
    "0004": """
        INSERT INTO scoring_models VALUES ('a model', '{"text": {"a": 1}}', now());
        UPDATE scored_posts SET model = 'a model' WHERE text_score < score;
    """,
    "0005": """
        SELECT decide('p77', 'remove', 'me', NULL), decide('p77', 'keep', 'another', 'remove'),
        decide('p99', 'unsure', 'me', NULL);
        UPDATE scored_posts SET caption = 'other' WHERE post_id = 'p99';
    """,
    "0006": """
        INSERT INTO crawled_feeds VALUES ('http://feed', 3, current_date);
        UPDATE crawled_posts SET seen_day = 2 WHERE post_id = 'p77';
    """,
}
"""What each migration made room for."""


def literal(query: queries.Query) -> str:
    """A query with its values in it."""
    text, values = query
    for value in values:
        quoted = str(value).replace("'", "''")
        text = text.replace("%s", quoted if isinstance(value, (int, float)) else f"'{quoted}'", 1)
    return text


class Asked:
    """psql that answers one question after another. `pages` are how many pages of tables and
    indexes each of them touched."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program
        self.pages: list[tuple[int, str]] = []

    def __call__(self, query: queries.Query) -> list[queries.Row]:
        """A question's rows."""
        text = literal(query)
        if text.startswith("EXPLAIN"):
            return [{"QUERY PLAN": self._json(f"{text};")}]
        ((plan,),) = [self._json(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text};")]
        self.pages.append(
            (plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"], text)
        )
        rows: list[queries.Row] = self._json(f"SELECT coalesce(json_agg(a), '[]') FROM ({text}) a;")
        return rows

    def say(self, statements: str) -> str:
        """What psql prints."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(f"{statements}\n\\echo {END}\n".encode())
        self._program.stdin.flush()
        lines = iter(self._program.stdout.readline, b"")
        said = itertools.takewhile(lambda line: line != f"{END}\n".encode(), lines)
        return b"".join(said).decode()

    def _json(self, statement: str) -> Any:
        said = self.say(statement)
        try:
            return json.loads(said)
        except ValueError:
            raise AssertionError(f"{statement}: {said}") from None


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
        result: dict[str, Any] = json.loads(self.run(f"SELECT row_to_json(a) FROM ({query}) a"))
        return result

    def json(self, statements: str) -> list[Any]:
        """What statements print that give JSON alone, one value after another."""
        text, results, at = self.run(statements).strip(), [], 0
        while at < len(text):
            value, end = json.JSONDecoder().raw_decode(text, at)
            results.append(value)
            at = len(text) - len(text[end:].lstrip())
        return results

    def all(self, asked: Iterable[str]) -> list[list[dict[str, Any]]]:
        """The rows of each query."""
        rows = "SELECT coalesce(json_agg(a), '[]') FROM ({}) a;"
        return self.json("".join(rows.format(query) for query in asked))

    @contextlib.contextmanager
    def asked(self, settings: str) -> Iterator[Asked]:
        """Somebody who asks it as the dashboard does."""
        with self._stack.psql(self.name) as program:
            asked = Asked(program)
            # What it gives notice of would stand among the answers.
            asked.say(f"SET client_min_messages TO error; {settings}")
            yield asked

    def migrate(self) -> None:
        """Runs the stack's own service on it."""
        once = ("run", "--rm", "-T", "--no-deps", "-e", f"PGDATABASE={self.name}", "migrate")
        self._stack.compose(*once)

    def make_before(self, revision: str) -> None:
        """Makes it what it was at that migration, with some data of that time in it."""
        self.run(BEFORE.format(posts=1000))
        once = ("run", "--rm", "-T", "--no-deps", "-e", f"PGDATABASE={self.name}", "migrate")
        self._stack.compose(*once, "python", "-", revision, stdin=MADE_BEFORE.encode())
        for later, statements in SOME_DATA.items():
            if later <= revision:
                self.run(statements)

    def contents(self, columns: dict[str, str]) -> dict[str, dict[str, Any]]:
        """How many rows each table has, and a digest of what is in these columns of them."""
        query = "SELECT count(*), sum(hashtext(row({})::text)::bigint) FROM {}"
        return {name: self.one(query.format(of, name)) for name, of in columns.items()}

    def schema(self) -> str:
        """All that is in it but the data: tables, functions, indexes, and who may do what."""
        dump = ("pg_dump", "--schema-only", "-U", "user", self.name)
        lines = self._stack.compose("exec", "-T", "postgres", *dump).splitlines()
        # Each dump has a key of its own in these.
        return "\n".join(line for line in lines if "restrict" not in line)
