"""The table `scored_posts`: how it is made, and how a batch gets into it, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from processing.rows import ScoredPost
from processing.settings import Postgres

COLUMNS = {
    "post_id": "text PRIMARY KEY",
    "author": "text NOT NULL",
    "caption": "text NOT NULL",
    "language": "text NOT NULL",
    "video_url": "text NOT NULL",
    "text_score": "double precision NOT NULL",
    "video_score": "double precision",
    "score": "double precision NOT NULL",
    "flagged": "boolean NOT NULL",
    "fusion": "boolean NOT NULL",
    "text_weight": "double precision NOT NULL",
    "threshold": "double precision NOT NULL",
    "code_version": "text NOT NULL",
    "posted_at": "timestamptz NOT NULL",
    "crawled_at": "timestamptz NOT NULL",
    "scored_at": "timestamptz NOT NULL",
}


def create_table_sql() -> str:
    """Makes the table where it is missing."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    return f"CREATE TABLE IF NOT EXISTS scored_posts ({columns})"


def upsert_sql() -> str:
    """One statement for a whole batch: its only parameter is the batch as JSON.

    A row that says the same again is left alone, so that a replayed batch changes nothing, not
    even `scored_at`; an older crawl never replaces a newer one.
    """
    names = ", ".join(COLUMNS)
    types = ", ".join(f"{name} {kind.split(' NOT ')[0]}" for name, kind in COLUMNS.items())
    types = types.replace(" PRIMARY KEY", "")
    told = [name for name in COLUMNS if name not in ("post_id", "scored_at")]
    new = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS if name != "post_id")
    kept_values = ", ".join(f"kept.{name}" for name in told)
    new_values = ", ".join(f"EXCLUDED.{name}" for name in told)
    return (  # column names alone go into the text, all of them from above
        f"INSERT INTO scored_posts AS kept ({names}) "  # noqa: S608
        f"SELECT {names} FROM jsonb_to_recordset(?::jsonb) AS batch({types}) "
        f"ON CONFLICT (post_id) DO UPDATE SET {new} "
        f"WHERE kept.crawled_at <= EXCLUDED.crawled_at "
        f"AND ({kept_values}) IS DISTINCT FROM ({new_values})"
    )


def newest(rows: Iterable[ScoredPost]) -> list[ScoredPost]:
    """One row for each post, of several the one crawled last: one statement can't write a row
    twice. In the order of their ids, so that concurrent writers can't lock each other out."""
    latest: dict[str, ScoredPost] = {}
    for row in sorted(rows, key=lambda row: (row.post.crawled_at, row.partition, row.offset)):
        latest[row.post.post_id] = row
    return [latest[post_id] for post_id in sorted(latest)]


def as_json(rows: Iterable[ScoredPost]) -> str:
    """Rows as the statement takes them. JSON's numbers carry a double exactly."""
    return json.dumps([_record(row) for row in rows], allow_nan=False)


class Store:
    """Writes rows through the JDBC driver that the job's JVM has anyway."""

    def __init__(self, jvm: Any, where: Postgres) -> None:
        self._jvm = jvm
        self._where = where

    def prepare(self) -> None:
        """Makes the table where it is missing."""
        self._transaction(
            lambda connection: connection.prepareStatement(create_table_sql()).execute()
        )

    def write(self, rows: Iterable[ScoredPost]) -> None:
        """Writes a batch, as a whole or not at all."""
        batch = as_json(newest(rows))

        def upsert(connection: Any) -> None:
            statement = connection.prepareStatement(upsert_sql())
            statement.setString(1, batch)
            statement.executeUpdate()

        self._transaction(upsert)

    def _transaction(self, act: Callable[[Any], object]) -> None:
        properties = self._jvm.java.util.Properties()
        for name, value in (
            ("user", self._where.user),
            ("password", self._where.password),
            ("ApplicationName", "spark-processor"),
            ("connectTimeout", "10"),
            ("socketTimeout", "30"),
        ):
            properties.setProperty(name, value)
        url = f"jdbc:postgresql://{self._where.host}:{self._where.port}/{self._where.database}"
        # Not through DriverManager: it doesn't know drivers that came with --packages.
        connection = self._jvm.org.postgresql.Driver().connect(url, properties)
        try:
            connection.setAutoCommit(False)
            act(connection)
            connection.commit()
        finally:
            connection.close()  # rolls back what was not committed


def _record(row: ScoredPost) -> dict[str, Any]:
    post = row.post
    return {
        "post_id": post.post_id,
        "author": post.author,
        "caption": post.caption,
        "language": post.language,
        "video_url": post.video_url,
        "text_score": row.text_score,
        "video_score": row.video_score,
        "score": row.score,
        "flagged": row.flagged,
        "fusion": row.policy.fusion,
        "text_weight": row.policy.text_weight,
        "threshold": row.policy.threshold,
        "code_version": row.code_version,
        "posted_at": post.posted_at.isoformat(),
        "crawled_at": post.crawled_at.isoformat(),
        "scored_at": row.scored_at.isoformat(),
    }
