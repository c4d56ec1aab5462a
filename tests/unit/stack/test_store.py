from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from processing.rows import Rejection, ScoredPost
from processing.store import COLUMNS, as_json, create_table_sql, newest, upsert_sql
from tests.unit.stack.samples import row


def test_the_table_has_the_agreed_columns() -> None:
    assert list(COLUMNS) == [
        "post_id",
        "author",
        "caption",
        "language",
        "video_url",
        "text_score",
        "video_score",
        "score",
        "flagged",
        "fusion",
        "text_weight",
        "threshold",
        "code_version",
        "posted_at",
        "crawled_at",
        "scored_at",
    ]
    assert create_table_sql().startswith(
        "CREATE TABLE IF NOT EXISTS scored_posts (post_id text PRIMARY KEY, author text NOT NULL,"
    )


def test_a_batch_is_one_statement_with_one_parameter() -> None:
    assert upsert_sql().count("?") == 1
    assert "language text, video_url text, text_score double precision," in upsert_sql()


def test_a_replayed_batch_leaves_rows_as_they_are() -> None:
    _, _, condition = upsert_sql().partition(" WHERE ")
    assert condition.startswith("kept.crawled_at <= EXCLUDED.crawled_at AND (")
    assert "kept.code_version" in condition
    assert "kept.scored_at" not in condition


def test_a_row_carries_every_column_as_json() -> None:
    (record,) = json.loads(as_json([row("a", 1, 1, caption="phở \N{GRINNING FACE}")]))
    assert list(record) == list(COLUMNS)
    assert record["caption"] == "phở \N{GRINNING FACE}"
    assert record["crawled_at"] == "2026-01-05T00:00:01+00:00"
    assert (record["text_weight"], record["threshold"], record["fusion"]) == (0.3, 0.5, True)


def test_of_one_post_the_row_crawled_last_counts_and_of_those_the_last_message() -> None:
    rows = [row("a", 2, 3), row("a", 1, 9), row("a", 2, 4), row("b", 0, 1)]
    assert [(kept.post.post_id, kept.offset) for kept in newest(rows)] == [("a", 4), ("b", 1)]


@given(st.permutations([row("a", 2, 1), row("a", 1, 2), row("b", 1, 3), row("b", 1, 4)]))
def test_the_order_of_arrival_does_not_matter(rows: list[ScoredPost]) -> None:
    assert [kept.offset for kept in newest(rows)] == [1, 4]


def test_a_rejection_has_five_fields_and_a_key_of_its_own() -> None:
    rejection = Rejection("not JSON", "{phở", "posts", 1, 42)
    assert rejection.key == "posts-1-42"
    assert json.loads(rejection.as_json()) == {
        "reason": "not JSON",
        "raw": "{phở",
        "topic": "posts",
        "partition": 1,
        "offset": 42,
    }
