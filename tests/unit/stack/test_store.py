from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import processing
from processing.rows import Origin, Rejection, Retry, ScoredPost
from processing.store import COLUMNS, as_json, newest, schema_sql, upsert_sql
from tests.unit.stack.samples import row

MIGRATIONS = Path(processing.__file__).parents[1] / "migrations" / "versions"


def test_the_columns_are_those_that_the_migrations_make() -> None:
    made = (MIGRATIONS / "0001_scored_posts.py").read_text()
    columns = re.findall(r"^ {12}(\w+) (.+?),?$", made, re.MULTILINE)
    for migration in sorted(MIGRATIONS.glob("0*.py"))[1:]:
        columns += re.findall(
            r"ALTER TABLE scored_posts ADD COLUMN (\w+) (.+?);", migration.read_text()
        )
    # What moderators decided is not the job's to write.
    assert dict(columns) == {**COLUMNS, "decision": "text"}
    assert all(name in schema_sql() for name in COLUMNS)


def test_many_rows_are_one_statement_with_one_parameter() -> None:
    assert upsert_sql().count("%") == upsert_sql().count("%s") == 1
    assert "language text, video_url text, text_score double precision," in upsert_sql()


def test_a_replayed_batch_leaves_rows_as_they_are() -> None:
    _, _, condition = upsert_sql().partition(" WHERE ")
    assert "kept.code_version" in condition
    assert "kept.scored_at" not in condition


def test_a_row_carries_every_column_as_json() -> None:
    (record,) = json.loads(as_json([row("a", 1, 1, caption="phở \N{GRINNING FACE}")]))
    assert set(record) == set(COLUMNS)
    assert record["caption"] == "phở \N{GRINNING FACE}"
    assert record["crawled_at"] == "2026-01-05T00:00:01Z"
    assert (record["text_weight"], record["threshold"], record["fusion"]) == (0.3, 0.5, True)


def test_of_one_post_the_row_crawled_last_counts_and_of_those_the_greatest() -> None:
    rows = [row("a", 2, 3, "b"), row("a", 1, 9, "z"), row("a", 2, 4, "a"), row("b", 0, 1)]
    assert [(kept.post.post_id, kept.origin.offset) for kept in newest(rows)] == [
        ("a", 3),
        ("b", 1),
    ]


@given(st.permutations([row("a", 2, 1), row("a", 1, 2), row("b", 1, 3, "c"), row("b", 1, 4, "b")]))
def test_the_order_of_arrival_does_not_matter(rows: list[ScoredPost]) -> None:
    assert [kept.origin.offset for kept in newest(rows)] == [1, 3]


@given(st.permutations([row("a", 2, 1), replace(row("a", 2, 2), video_score=None, score=0.25)]))
def test_a_row_whose_clip_is_scored_stands_above_one_that_waits(rows: list[ScoredPost]) -> None:
    assert [kept.origin.offset for kept in newest(rows)] == [1]


def test_a_row_waits_for_its_clip_only_where_the_clip_counts() -> None:
    waiting = replace(row("a", 1, 1), video_score=None)
    assert waiting.is_pending
    assert not replace(waiting, policy=replace(waiting.policy, fusion=False)).is_pending
    assert not row("a", 1, 1).is_pending


def test_a_rejection_has_five_fields_and_a_key_of_its_own() -> None:
    rejection = Rejection("not JSON", "{phở", Origin("posts", 1, 42))
    assert (rejection.topic, rejection.key) == ("posts.rejected", "posts-1-42")
    assert json.loads(rejection.as_json()) == {
        "reason": "not JSON",
        "raw": "{phở",
        "topic": "posts",
        "partition": 1,
        "offset": 42,
    }


def test_a_retry_goes_to_a_topic_of_its_own_by_its_posts_id() -> None:
    retry = Retry(row("a", 1, 1).post, "HTTP 503", 1, 10.0, 15.0, Origin("posts", 1, 42))
    assert (retry.topic, retry.key) == ("posts.retry", "a")
