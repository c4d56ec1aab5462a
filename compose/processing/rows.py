"""What becomes of a message: a row of the table, or a rejection."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from processing.messages import Post
from processing.scoring import Policy


@dataclass(frozen=True)
class ScoredPost:
    """A post and its scores. `video_score` is None where the clip plays no part."""

    post: Post
    text_score: float
    video_score: float | None
    score: float
    flagged: bool
    policy: Policy
    code_version: str
    scored_at: datetime
    partition: int
    offset: int


@dataclass(frozen=True)
class Rejection:
    """A message that was not scored, and why."""

    reason: str
    raw: str
    topic: str
    partition: int
    offset: int

    @property
    def key(self) -> str:
        """Names the message, so that a rejection told twice is known to be one."""
        return f"{self.topic}-{self.partition}-{self.offset}"

    def as_json(self) -> str:
        """The rejection as it is told in the topic of rejections."""
        return json.dumps(asdict(self), ensure_ascii=False)
