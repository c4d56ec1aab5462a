"""The table `scored_posts`: how rows get into it, in whatever order and however often they come.
It is made by compose/migrations.

Of the messages about one post one counts: the one crawled last; of several crawled at one moment,
the one whose fields are the greatest. That is a maximum: workers may write side by side, a batch
may be done again, a retry may come late, and the table is the same.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from processing.rows import ScoredPost
from processing.settings import Postgres

if TYPE_CHECKING:
    import psycopg

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
    "model": "text",
    "code_version": "text NOT NULL",
    "posted_at": "timestamptz NOT NULL",
    "crawled_at": "timestamptz NOT NULL",
    "scored_at": "timestamptz NOT NULL",
}
TIMES = ("crawled_at", "posted_at")
TEXTS = ("author", "caption", "language", "video_url")
RULE = ("fusion", "text_weight", "threshold", "model", "code_version")
MODELS_IN_USE = """
INSERT INTO scoring_models (model, manifest) VALUES (%s, %s::jsonb)
ON CONFLICT (model) DO UPDATE SET manifest = EXCLUDED.manifest, used_at = now()
"""
STATEMENT_SECONDS = 30
DATA_FAULTS = ("22", "23", "54")
"""Classes of SQLSTATE that blame the data: wrong value, broken constraint, limit exceeded."""


class Away(Exception):
    """The database does not do its part just now. Its text is the reason, in one line."""


def schema_sql() -> str:
    """Fails where the table lacks a column that this code writes."""
    return f"SELECT {', '.join(COLUMNS)} FROM scored_posts LIMIT 0"  # noqa: S608  # from above


def upsert_sql() -> str:
    """One statement for many rows: its only parameter is the rows as JSON.

    The same message again changes nothing, not even `scored_at`, unless it is judged by another
    rule or other code, or its clip has been scored at last.
    """
    names = ", ".join(COLUMNS)
    types = ", ".join(
        f"{name} {kind.replace(' PRIMARY KEY', '').replace(' NOT NULL', '')}"
        for name, kind in COLUMNS.items()
    )
    new = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS if name != "post_id")
    kept_rule, new_rule = _values("kept", RULE), _values("EXCLUDED", RULE)
    kept_waits = "(kept.fusion AND kept.video_score IS NULL)"
    new_waits = "(EXCLUDED.fusion AND EXCLUDED.video_score IS NULL)"
    return (  # column names alone go into the text, all of them from above
        f"INSERT INTO scored_posts AS kept ({names}) "  # noqa: S608
        f"SELECT {names} FROM jsonb_to_recordset(%s::jsonb) AS batch({types}) "
        f"ON CONFLICT (post_id) DO UPDATE SET {new} "
        f"WHERE {_order('kept')} < {_order('EXCLUDED')} "
        f"OR ({_order('kept')} = {_order('EXCLUDED')} "
        f"AND CASE WHEN {kept_waits} = {new_waits} THEN ({kept_rule}) IS DISTINCT FROM ({new_rule})"
        f" ELSE {kept_waits} END)"
    )


def newest(rows: Iterable[ScoredPost]) -> list[ScoredPost]:
    """One row for each post, of several the one that counts: one statement can't write a row
    twice. In the order of their ids, so that concurrent writers can't lock each other out."""
    latest: dict[str, ScoredPost] = {}
    for row in rows:
        kept = latest.get(row.post.post_id)
        if kept is None or _rank(kept) <= _rank(row):
            latest[row.post.post_id] = row
    return [latest[post_id] for post_id in sorted(latest)]


def as_json(rows: Iterable[ScoredPost]) -> str:
    """Rows as the statement takes them. JSON's numbers carry a double exactly."""
    return json.dumps([_record(row) for row in rows], allow_nan=False)


class Store:
    """A connection to the database, made when it is needed and again when it is lost."""

    def __init__(self, where: Postgres) -> None:
        self._where = where
        self._connection: psycopg.Connection[Any] | None = None

    def check_schema(self) -> None:
        """Raises Away where the table isn't the one that this code writes to."""
        self._execute(schema_sql(), None)

    def use_models(self, model: str, manifest: Mapping[str, Any]) -> None:
        """Says by which models rows are scored from now on, and what they are. Raises Away."""
        why = self._execute(MODELS_IN_USE, (model, json.dumps(manifest)))
        if why is not None:
            raise Away(why)

    def check(self) -> None:
        """Raises Away where the database doesn't answer."""
        self._execute("SELECT 1", None)

    def write(self, rows: Sequence[ScoredPost]) -> list[tuple[ScoredPost, str]]:
        """Writes rows; gives those that the database refuses for what is in them, and why.

        Raises Away where it is no fault of the rows.
        """
        rows = newest(rows)
        if not rows:
            return []
        fault = self._execute(upsert_sql(), (as_json(rows),))
        if fault is None:
            return []
        if len(rows) == 1:
            return [(rows[0], fault)]
        half = len(rows) // 2
        return self.write(rows[:half]) + self.write(rows[half:])

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            with contextlib.suppress(Exception):  # it is given up in any case
                self._connection.close()
            self._connection = None

    def _execute(self, statement: str, parameters: tuple[str, ...] | None) -> str | None:
        """Does a statement as a transaction; gives why the data are refused, if they are.

        A connection that was kept may have been lost long ago: then it is made again, once.
        """
        # Here and not above: what only speaks of rows has no use for it.
        import psycopg

        for was_kept in (True, False):
            if was_kept and self._connection is None:
                continue
            try:
                if self._connection is None:
                    self._connection = self._connect()
                self._connection.execute(statement, parameters)
                return None
            except psycopg.Error as error:
                why = " ".join(str(error).split())[:300]
                if (error.sqlstate or "")[:2] in DATA_FAULTS:
                    return why
                lost = self._connection is None or self._connection.broken
                self.close()
                if not (was_kept and lost):
                    raise Away(why) from error
        return None

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        return psycopg.connect(
            host=self._where.host,
            port=self._where.port,
            dbname=self._where.database,
            user=self._where.user,
            password=self._where.password,
            application_name="spark-processor",
            autocommit=True,
            connect_timeout=10,
            # A server that vanished without a word is noticed, too.
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=STATEMENT_SECONDS * 1000,
            options=f"-c statement_timeout={STATEMENT_SECONDS}s",
        )


def _order(row: str) -> str:
    """By what two messages about one post are compared."""
    return (
        f"({_values(row, TIMES)}, " + ", ".join(f'{row}.{name} COLLATE "C"' for name in TEXTS) + ")"
    )


def _values(row: str, names: Iterable[str]) -> str:
    return ", ".join(f"{row}.{name}" for name in names)


def _rank(row: ScoredPost) -> tuple[Any, ...]:
    """The same order: strings compare by code points, as UTF-8 does in the collation C."""
    post = row.post
    message = [getattr(post, name) for name in (*TIMES, *TEXTS)]
    return (*message, not row.is_pending)


def _record(row: ScoredPost) -> dict[str, Any]:
    return {
        **row.post.fields(),
        "text_score": row.text_score,
        "video_score": row.video_score,
        "score": row.score,
        "flagged": row.flagged,
        "fusion": row.policy.fusion,
        "text_weight": row.policy.text_weight,
        "threshold": row.policy.threshold,
        "model": row.model,
        "code_version": row.code_version,
        "scored_at": row.scored_at.isoformat(),
    }
