"""What the page shows, as PostgreSQL has it. Nothing here writes."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection, Error
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

SECONDS = 5
LATEST = 500

TOTALS = """
SELECT posts, flagged, (score / nullif(posts, 0))::double precision AS average, authors,
       (SELECT max(scored_at) FROM scored_posts) AS last_scored
FROM scored_totals
"""
# A post that is gone from the feed keeps its row: when it went is what the crawler remembers.
NEWEST = """
SELECT scored.*, crawled.deleted_at
FROM (SELECT * FROM scored_posts ORDER BY scored_at DESC, post_id LIMIT %s) AS scored
LEFT JOIN crawled_posts AS crawled ON crawled.post_id = scored.post_id
ORDER BY scored.scored_at DESC, scored.post_id
"""
ONE = """
SELECT scored.*, crawled.deleted_at
FROM scored_posts AS scored LEFT JOIN crawled_posts AS crawled ON crawled.post_id = scored.post_id
WHERE scored.post_id = %s
"""

Row = dict[str, Any]


class Unavailable(Exception):
    """The database does not answer. Its text says so in the driver's words."""


@dataclass(frozen=True)
class Totals:
    """Counts over all scored posts; last_scored is None while there are none."""

    posts: int = 0
    flagged: int = 0
    average: float | None = None
    authors: int = 0
    last_scored: datetime | None = None


class Store:
    """Reads the table scored_posts. Safe to use from several threads."""

    def __init__(self, password: str, host: str, database: str, user: str) -> None:
        self._pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
            kwargs={
                "host": host,
                "dbname": database,
                "user": user,
                "password": password,
                "row_factory": dict_row,
                "autocommit": True,
                "connect_timeout": SECONDS,
                "options": f"-c statement_timeout={SECONDS}s -c default_transaction_read_only=on",
            },
            connection_class=Connection[DictRow],
            min_size=1,
            max_size=4,
            timeout=SECONDS,
            # A connection from before a restart of the database is replaced, not handed out.
            check=ConnectionPool.check_connection,
            open=True,
        )

    @classmethod
    def from_environment(cls) -> "Store":
        """The store that the container's variables name."""
        return cls(
            password=Path(os.environ["POSTGRES_PASSWORD_FILE"]).read_text().rstrip("\n"),
            host=os.environ.get("POSTGRES_HOST", "postgres"),
            database=os.environ.get("POSTGRES_DB", "tiktok_safety_db"),
            user=os.environ.get("POSTGRES_USER", "reader"),
        )

    def totals(self) -> Totals:
        """Counts over everything. Raises Unavailable."""
        rows = self._read(TOTALS)
        return Totals(**rows[0]) if rows else Totals()

    def newest(self) -> list[Row]:
        """The rows scored last, newest first, LATEST at most. Raises Unavailable."""
        return self._read(NEWEST, LATEST)

    def one(self, post_id: str) -> Row | None:
        """The row of one post. Raises Unavailable."""
        rows = self._read(ONE, post_id)
        return rows[0] if rows else None

    def _read(self, query: str, *parameters: object) -> list[Row]:
        try:
            with self._pool.connection() as connection:
                return connection.execute(query, parameters or None).fetchall()
        except (Error, PoolTimeout) as error:
            raise Unavailable(str(error)) from error
