"""Posts whose clip could not be had: when they are tried again, and how they come back."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from processing.messages import Post, Rejected, json_object, post_of
from processing.rows import Origin, Retry

FIRST_SECONDS = 5.0
GROWTH = 3.0
LONGEST_SECONDS = 600.0
GIVE_UP_SECONDS = 24 * 3600.0
"""A clip that couldn't be had for a day is not to be had."""
EARLY = 0.25
"""What is due within this share of its pause is tried now: fewer, larger rounds."""


def pause_seconds(tries: int) -> float:
    """How long to wait after that many tries."""
    return float(min(FIRST_SECONDS * GROWTH ** min(tries - 1, 10), LONGEST_SECONDS))


def again(post: Post, reason: str, origin: Origin, before: Retry | None, now: float) -> Retry:
    """The next try of a post. Raises Rejected where there were enough."""
    if before is None:
        return Retry(post, reason, 1, now, now + pause_seconds(1), origin)
    if now - before.first > GIVE_UP_SECONDS:
        raise Rejected(f"{reason}, in {before.tries + 1} tries over {GIVE_UP_SECONDS / 3600:.0f} h")
    tries = before.tries + 1
    return replace(before, reason=reason, tries=tries, due=now + pause_seconds(tries))


def is_due(retry: Retry, now: float) -> bool:
    """Whether it is time."""
    return now >= retry.due - EARLY * pause_seconds(retry.tries)


def parse_retry(value: bytes | None) -> Retry:
    """What `Retry.as_json` wrote. Raises Rejected for what nobody here has written."""
    fields = json_object(value)
    post = post_of(fields.get("post"))
    try:
        topic, partition, offset = fields["origin"]
        return Retry(
            post=post,
            reason=str(fields["reason"]),
            tries=int(fields["tries"]),
            first=_seconds(fields["first"]),
            due=_seconds(fields["due"]),
            origin=Origin(str(topic), int(partition), int(offset)),
        )
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise Rejected(f"not a retry ({error!r})") from error


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError("not a time")
    return seconds
