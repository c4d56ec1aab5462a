from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.messages import Rejected
from processing.retries import (
    GIVE_UP_SECONDS,
    LONGEST_SECONDS,
    again,
    is_due,
    parse_retry,
    pause_seconds,
)
from processing.rows import Origin, Retry
from tests.unit.stack.samples import row

POST = row("a", 1, 1, "phở \N{GRINNING FACE}").post
ORIGIN = Origin("posts", 1, 42)


def retry() -> Retry:
    return again(POST, "HTTP 503", ORIGIN, None, now=1000.0)


def test_what_is_told_is_read_again() -> None:
    assert parse_retry(retry().as_json().encode()) == retry()


def test_pauses_grow_up_to_a_limit() -> None:
    assert [pause_seconds(tries) for tries in (1, 2, 3, 4, 5)] == [5, 15, 45, 135, 405]
    assert pause_seconds(6) == pause_seconds(10**6) == LONGEST_SECONDS


def test_each_try_keeps_where_the_post_came_from_and_when_it_was_first_tried() -> None:
    second = again(POST, "HTTP 500", Origin("posts.retry", 0, 7), retry(), now=1005.0)
    assert (second.tries, second.first, second.due) == (2, 1000.0, 1020.0)
    assert (second.reason, second.origin) == ("HTTP 500", ORIGIN)


def test_it_is_due_a_little_before_its_time() -> None:
    assert not is_due(retry(), now=1003.0)
    assert is_due(retry(), now=1004.0)


def test_after_a_day_it_is_rejected() -> None:
    with pytest.raises(Rejected, match=r"^HTTP 503, in 2 tries over 24 h$"):
        again(POST, "HTTP 503", ORIGIN, retry(), now=1001.0 + GIVE_UP_SECONDS)


def reason(message: bytes) -> str:
    """Why a message is rejected, or "" when it isn't."""
    try:
        parse_retry(message)
    except Rejected as error:
        return str(error)
    return ""


@given(st.binary())
def test_any_bytes_are_a_retry_or_rejected_in_one_line(message: bytes) -> None:
    assert "\n" not in reason(message)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tries", '"many"'),
        ("first", "NaN"),
        ("due", "1e999"),
        ("due", "null"),
        ("origin", "[1]"),
        ("post", "{}"),
        ("post", "[]"),
        ("reason_", "1"),
    ],
)
def test_what_nobody_here_wrote_is_rejected(field: str, value: str) -> None:
    text = retry().as_json()
    wrong = f'{text[:-1]}, "{field}": {value}}}'
    if field == "reason_":
        wrong = text.replace('"reason"', '"why"')
    with pytest.raises(Rejected):
        parse_retry(wrong.encode())
