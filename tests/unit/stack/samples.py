"""A post as the crawler sends it, and what the tests make of it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from processing.messages import Post
from processing.rows import Origin, ScoredPost
from processing.scoring import Policy

POLICY = Policy(fusion=True, text_weight=0.3, threshold=0.5)


def fields(**changes: Any) -> dict[str, Any]:
    """A good message's fields, some of them changed."""
    good = {
        "post_id": "post-001",
        "author": "cozy.kitchen",
        "caption": "Cách nấu phở bò tại nhà",
        "language": "vi",
        "video_url": "http://feed:8000/clips/post-001.mp4",
        "posted_at": "2026-01-05T09:00:00Z",
        "crawled_at": "2026-11-24T03:00:00.25Z",
    }
    return {**good, **changes}


def value(**changes: Any) -> bytes:
    """A message as Kafka holds it."""
    return json.dumps(fields(**changes), ensure_ascii=False).encode("utf-8", "surrogatepass")


def row(post_id: str, crawled_second: int, offset: int, caption: str = "a") -> ScoredPost:
    """A scored post that was crawled at that second."""
    at = datetime(2026, 1, 5, tzinfo=timezone.utc)
    post = Post(
        post_id=post_id,
        author="author",
        caption=caption,
        language="en",
        video_url="http://feed:8000/clips/a.mp4",
        posted_at=at,
        crawled_at=at.replace(second=crawled_second),
    )
    return ScoredPost(
        post=post,
        text_score=0.25,
        video_score=0.75,
        score=0.6,
        flagged=True,
        policy=POLICY,
        model="ba9876543210",
        code_version="0123456789ab",
        scored_at=at,
        origin=Origin("posts", 0, offset),
    )
