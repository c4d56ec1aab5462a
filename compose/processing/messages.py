"""What a message of topic `posts` must be, and the post it becomes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

LONGEST_MESSAGE = 256 * 1024
"""Bytes of a message: a caption and some names are a few thousand."""
LONGEST_QUOTE = 80
LONGEST_ID = 200
LONGEST_LANGUAGE = 100
UNDETERMINED = "und"
"""RFC 5646's word for a language that nobody told."""

# RFC 3339 in UTC. Checked by shape first: `fromisoformat` accepts more than RFC 3339 does, and
# before Python 3.11 does not know the letter Z.
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)")


class Rejected(Exception):
    """A message that can't be scored. Its text is the reason, one line for a person."""


@dataclass(frozen=True)
class Post:
    """A post as the feed showed it. Times are aware and in UTC. `language` is what the feed calls
    it, for people: nothing is decided by it."""

    post_id: str
    author: str
    caption: str
    language: str
    video_url: str
    posted_at: datetime
    crawled_at: datetime

    def fields(self) -> dict[str, str]:
        """The post as a message has it."""
        times = {name: _time_text(getattr(self, name)) for name in ("posted_at", "crawled_at")}
        return {**self.__dict__, **times}


def parse_post(value: bytes | None) -> Post:
    """The post in a Kafka message's value (JSON in UTF-8; fields it doesn't know are ignored).

    Raises Rejected, naming the first field that is wrong.
    """
    return post_of(json_object(value))


def post_of(fields: object) -> Post:
    """The post that a JSON document describes. Raises Rejected."""
    if not isinstance(fields, dict):
        raise Rejected(f"not a JSON object but {_json_type(fields)}")
    post = Post(
        post_id=_text(fields, "post_id"),
        author=_text(fields, "author"),
        caption=_text(fields, "caption"),
        language=_language(fields),
        video_url=_text(fields, "video_url"),
        posted_at=_time(fields, "posted_at"),
        crawled_at=_time(fields, "crawled_at"),
    )
    if not 0 < len(post.post_id) <= LONGEST_ID:
        raise Rejected(f"post_id: must have 1 to {LONGEST_ID} characters")
    if not post.author:
        raise Rejected("author: must not be empty")
    _check_url(post.video_url)
    return post


def quote(value: object) -> str:
    """A value as it is shown in a reason: on one line, and not longer than a line."""
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "..."


def json_object(value: bytes | None) -> dict[str, Any]:
    """The JSON object in a message's value. Raises Rejected."""
    if not value:
        raise Rejected("the message is empty")
    if len(value) > LONGEST_MESSAGE:
        raise Rejected(f"longer than {LONGEST_MESSAGE} bytes")
    try:
        document = json.loads(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Rejected(f"not UTF-8: byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Rejected(f"not JSON: {error}") from error
    except (ValueError, RecursionError) as error:  # a number too long, brackets too deep
        raise Rejected("not JSON that can be read: a number too long or nested too deep") from error
    if not isinstance(document, dict):
        raise Rejected(f"not a JSON object but {_json_type(document)}")
    return cast("dict[str, Any]", document)


def _text(fields: dict[str, Any], name: str) -> str:
    if name not in fields:
        raise Rejected(f"{name}: missing")
    text = fields[name]
    if not isinstance(text, str):
        raise Rejected(f"{name}: must be a string, is {_json_type(text)}")
    # JSON can spell both, PostgreSQL's text can hold neither.
    if "\x00" in text:
        raise Rejected(f"{name}: holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Rejected(f"{name}: holds half of a surrogate pair")
    return text


def _language(fields: dict[str, Any]) -> str:
    if fields.get("language") is None:
        return UNDETERMINED
    return _text(fields, "language").strip()[:LONGEST_LANGUAGE].rstrip() or UNDETERMINED


def _time(fields: dict[str, Any], name: str) -> datetime:
    text = _text(fields, name)
    if _UTC_TIME.fullmatch(text):
        seconds, _, fraction = text.replace("Z", "").replace("+00:00", "").partition(".")
        try:
            return datetime.fromisoformat(f"{seconds}.{fraction:0<6}+00:00")
        except ValueError:  # the shape of a time, but no such day or hour
            pass
    raise Rejected(f"{name}: must be a time like 2026-01-31T12:00:00Z, is {quote(text)}")


def _time_text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _check_url(url: str) -> None:
    # A scheme of its own makes it no more than a download: `file:` would read the worker's disk.
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    # http.client refuses what isn't printable ASCII; so do we, with the reason.
    if not usable or not all("!" <= character <= "~" for character in url):
        raise Rejected(f"video_url: must be an http address, is {quote(url)}")


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    return names.get(type(value), "an array" if isinstance(value, list) else "an object")
