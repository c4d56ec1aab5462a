"""What becomes of a message: a row of the table, a rejection, another try later."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from processing.messages import Post
from processing.scoring import Policy

REJECTED = "posts.rejected"
RETRY = "posts.retry"


@dataclass(frozen=True)
class Origin:
    """Where a message stands in Kafka."""

    topic: str
    partition: int
    offset: int

    @property
    def key(self) -> str:
        """Names the message, so that what is told of it twice is known to be one."""
        return f"{self.topic}-{self.partition}-{self.offset}"


@dataclass(frozen=True)
class ScoredPost:
    """A post and its scores.

    `video_score` is None where the clip plays no part; with fusion, where it could not be had yet:
    then `score` is the text's alone. `model` is the digest of the models that scored it.
    """

    post: Post
    text_score: float
    video_score: float | None
    score: float
    flagged: bool
    policy: Policy
    model: str
    code_version: str
    scored_at: datetime
    origin: Origin

    @property
    def is_pending(self) -> bool:
        """Whether its clip is still to be scored."""
        return self.policy.fusion and self.video_score is None


@dataclass(frozen=True)
class Rejection:
    """A message that was not scored, and why. `raw` is its beginning."""

    topic = REJECTED
    reason: str
    raw: str
    origin: Origin

    @property
    def key(self) -> str:
        """The message's name."""
        return self.origin.key

    def as_json(self) -> str:
        """The rejection as it is told in the topic of rejections."""
        told = {
            "reason": self.reason,
            "raw": self.raw,
            "topic": self.origin.topic,
            "partition": self.origin.partition,
            "offset": self.origin.offset,
        }
        return json.dumps(told, ensure_ascii=False)


@dataclass(frozen=True)
class Retry:
    """A post whose clip could not be had: it is tried again at `due`, after `tries` tries.

    Times are in seconds since the epoch.
    """

    topic = RETRY
    post: Post
    reason: str
    tries: int
    first: float
    due: float
    origin: Origin

    @property
    def key(self) -> str:
        """The post's id, as in topic posts."""
        return self.post.post_id

    def as_json(self) -> str:
        """The message in the topic of retries; processing.retries reads it."""
        told = {
            "post": self.post.fields(),
            "reason": self.reason,
            "tries": self.tries,
            "first": self.first,
            "due": self.due,
            "origin": [self.origin.topic, self.origin.partition, self.origin.offset],
        }
        return json.dumps(told, ensure_ascii=False)
