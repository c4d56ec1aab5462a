"""The page's way to PostgreSQL: it reads as one role, and decides as another."""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from psycopg import Connection, Error
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

import queries
from finding import Page, find, find_all
from queries import Filter, Row, Totals

SECONDS = 3
AT_ONCE = 500
"""Posts that are read at once where many are wanted."""


class Unavailable(Exception):
    """The database does not answer. Its text says so in the driver's words."""


@dataclass(frozen=True)
class Overview:
    """What the figures and the charts are made of."""

    totals: Totals
    scores: list[Row]
    over_time: list[Row]
    latest: list[Row]


class Store:
    """Reads posts, and writes decisions. Safe to use from several threads."""

    def __init__(self) -> None:
        self._reader = _pool("reader", "POSTGRES_PASSWORD_FILE", "on")
        self._moderator = _pool("moderator", "MODERATOR_PASSWORD_FILE", "off")

    def overview(self) -> Overview:
        """Figures over everything, charts of the newest. Raises Unavailable."""
        return Overview(
            totals=self.totals(),
            scores=self._read((queries.SCORES, [])),
            over_time=self._read((queries.OVER_TIME, [])),
            latest=self._read((queries.LATEST, [])),
        )

    def totals(self) -> Totals:
        """Counts over everything. Raises Unavailable."""
        found = self._read((queries.TOTALS, []))
        return Totals(**found[0]) if found else Totals()

    def newest(self) -> Row | None:
        """By what the newest row was scored, and how many came lately. Raises Unavailable."""
        rows = self._read((queries.NEWEST, []))
        return rows[0] if rows else None

    def models(self) -> Row | None:
        """The models in use, and what their manifest says of them. Raises Unavailable."""
        rows = self._read((queries.MODELS, []))
        return rows[0] if rows else None

    def posts(self, wanted: Filter, order: str, after: Row | None, limit: int) -> Page:
        """A page of a filter's posts, behind the last one of the page before. Raises
        Unavailable."""
        return find(self._read, wanted, order, after, limit)

    def count(self, wanted: Filter) -> int | None:
        """How many posts a filter has, as far as they are counted; None where they are not. Raises
        Unavailable."""
        if wanted.search.strip():
            return None
        return sum(row["posts"] for row in self._read(queries.count(wanted)))

    def all_posts(self, wanted: Filter, order: str, most: int) -> list[Row]:
        """A filter's posts, so many at most. Raises Unavailable."""
        return list(itertools.islice(find_all(self._read, wanted, order, AT_ONCE), most))

    def one(self, post_id: str) -> Row | None:
        """The row of one post. Raises Unavailable."""
        rows = self._read((queries.ONE, [post_id]))
        return rows[0] if rows else None

    def trail(self, post_id: str) -> list[Row]:
        """What was decided on a post, the last first. Raises Unavailable."""
        return self._read((queries.TRAIL, [post_id]))

    def decide(self, post_id: str, decision: str | None, who: str, seen: str | None) -> bool:
        """Writes a decision and its line of the trail; not where somebody has decided otherwise
        than `seen` meanwhile. Raises Unavailable."""
        rows = _ask(self._moderator, (queries.DECIDE, [post_id, decision, who, seen]))
        return bool(rows[0]["done"])

    def _read(self, query: queries.Query) -> list[Row]:
        return _ask(self._reader, query)


Pool: TypeAlias = ConnectionPool[Connection[DictRow]]


def _pool(role: str, password_file: str, read_only: str) -> Pool:
    settings = (
        ("statement_timeout", f"{SECONDS}s"),
        ("default_transaction_read_only", read_only),
        *queries.SETTINGS,
    )
    options = " ".join(f"-c {name}={value}" for name, value in settings)
    return ConnectionPool(
        kwargs={
            "host": os.environ.get("POSTGRES_HOST", "postgres"),
            "dbname": os.environ.get("POSTGRES_DB", "tiktok_safety_db"),
            "user": role,
            "password": Path(os.environ[password_file]).read_text().rstrip("\n"),
            "row_factory": dict_row,
            "autocommit": True,
            "connect_timeout": SECONDS,
            "options": options,
            # A server that vanished without a word is noticed, too.
            "tcp_user_timeout": SECONDS * 1000,
        },
        connection_class=Connection[DictRow],
        min_size=0,
        max_size=4,
        timeout=SECONDS,
        # Each question tries again by itself: a pool that waits longer and longer comes back late.
        reconnect_timeout=SECONDS,
        # A connection from before a restart of the database is replaced, not handed out.
        check=ConnectionPool.check_connection,
        open=True,
    )


def _ask(pool: Pool, query: queries.Query) -> list[dict[str, Any]]:
    statement, values = query
    try:
        with pool.connection() as connection:
            return connection.execute(statement, values or None).fetchall()
    except (Error, PoolTimeout) as error:
        raise Unavailable(str(error)) from error
