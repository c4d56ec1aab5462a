from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.messages import Rejected, parse_post, post_of
from tests.unit.stack.samples import fields, value


def test_a_good_message_becomes_a_post() -> None:
    post = parse_post(value())
    assert post.caption == "Cách nấu phở bò tại nhà"
    assert post.posted_at == datetime(2026, 1, 5, 9, tzinfo=timezone.utc)
    assert post.crawled_at == datetime(2026, 11, 24, 3, 0, 0, 250_000, tzinfo=timezone.utc)


def test_fields_it_does_not_know_are_ignored() -> None:
    assert parse_post(value(likes=5)) == parse_post(value())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (None, "the message is empty"),
        (b"", "the message is empty"),
        (b"\xff{}", "not UTF-8: byte 0"),
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object but an array"),
        (b"null", "not a JSON object but null"),
        (b"true", "not a JSON object but a boolean"),
        (b"[" * 100_000, "not JSON that can be read"),
        (b"[" * 300_000, "longer than 262144 bytes"),
        (b'{"post_id": NaN}', "post_id: must be a string, is a number"),
        (b'{"post_id": 1' + b"0" * 5000 + b"}", "post_id: must be a string, is a number"),
        (b"{}", "post_id: missing"),
    ],
)
def test_what_is_no_message_is_rejected(message: bytes | None, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_post(message)
    # Before 3.11 a number of any length can be read; after, that is what is wrong with it.
    assert reason in str(caught.value) or "a number too long" in str(caught.value)


@pytest.mark.parametrize("name", list(fields()))
def test_each_field_must_be_there_and_be_a_string(name: str) -> None:
    without = {key: text for key, text in fields().items() if key != name}
    if name != "language":
        with pytest.raises(Rejected, match=f"^{name}: missing$"):
            parse_post(json.dumps(without).encode())
        with pytest.raises(Rejected, match=f"^{name}: must be a string, is null$"):
            parse_post(value(**{name: None}))
    for wrong, kind in ((5, "a number"), (True, "a boolean"), ([], "an array")):
        with pytest.raises(Rejected, match=f"^{name}: must be a string, is {kind}$"):
            parse_post(value(**{name: wrong}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"post_id": ""}, "post_id: must have 1 to 200 characters"),
        ({"post_id": "x" * 201}, "post_id: must have 1 to 200 characters"),
        ({"author": ""}, "author: must not be empty"),
        ({"language": "a\0b"}, "language: holds a NUL character"),
        ({"caption": "a\0b"}, "caption: holds a NUL character"),
        ({"posted_at": "yesterday"}, "posted_at: must be a time"),
        ({"posted_at": "2026-01-05T09:00:00"}, "posted_at: must be a time"),
        ({"posted_at": "2026-01-05T09:00:00+07:00"}, "posted_at: must be a time"),
        ({"posted_at": "2026-13-05T09:00:00Z"}, "posted_at: must be a time"),
        ({"posted_at": "2026-01-05T09:00:00Z\n"}, "posted_at: must be a time"),
        ({"video_url": ""}, "video_url: must be an http address"),
        ({"video_url": "file:///etc/passwd"}, "video_url: must be an http address"),
        ({"video_url": "http:///clip.mp4"}, "video_url: must be an http address"),
        ({"video_url": "http://feed:99999/a"}, "video_url: must be an http address"),
        ({"video_url": "http://[::1/a"}, "video_url: must be an http address"),
        ({"video_url": "http://feed/a b.mp4"}, "video_url: must be an http address"),
        ({"video_url": "http://feed/phở.mp4"}, "video_url: must be an http address"),
    ],
)
def test_a_field_with_a_wrong_value_is_named(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_post(value(**changes))
    assert str(caught.value).startswith(reason)


def test_half_a_surrogate_pair_is_rejected_because_no_database_holds_it() -> None:
    with pytest.raises(Rejected, match="caption: holds half of a surrogate pair"):
        parse_post(value(caption="@").replace(b"@", b"\\ud800"))


def test_a_whole_surrogate_pair_is_one_character() -> None:
    post = parse_post(value(caption="@").replace(b"@", b"\\ud83d\\ude00"))
    assert post.caption == "\N{GRINNING FACE}"


def test_a_caption_may_be_empty() -> None:
    assert parse_post(value(caption="")).caption == ""


@pytest.mark.parametrize(
    "language", ["vi", "en-GB", "zh-Hant-TW", "x-klingon", "zh_CN", "Vietnamese, mostly", "日本語"]
)
def test_any_language_is_scored_and_kept_as_the_feed_calls_it(language: str) -> None:
    assert parse_post(value(language=language)).language == language


@pytest.mark.parametrize("language", [None, "", " "])
def test_a_language_that_nobody_told_is_undetermined(language: str | None) -> None:
    assert parse_post(value(language=language)).language == "und"
    without = {key: text for key, text in fields().items() if key != "language"}
    assert parse_post(json.dumps(without).encode()).language == "und"


def test_a_language_without_end_is_cut() -> None:
    assert parse_post(value(language="x" * 1000)).language == "x" * 100


def test_a_post_told_again_is_the_same_post() -> None:
    post = parse_post(value())
    assert post_of(post.fields()) == post


def reason(message: bytes) -> str | None:
    """Why a message is rejected, or None when it isn't."""
    try:
        parse_post(message)
    except Rejected as error:
        return str(error)
    return None


@given(st.binary())
def test_any_bytes_are_a_post_or_rejected_in_one_line(message: bytes) -> None:
    why = reason(message)
    assert why is None or (why and "\n" not in why)


@given(st.sampled_from(list(fields())), st.text())
def test_any_text_in_a_field_is_a_post_or_rejected_in_one_short_line(name: str, text: str) -> None:
    why = reason(value(**{name: text}))
    assert why is None or (why and "\n" not in why and len(why) < 200)
