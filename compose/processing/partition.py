"""What a Spark worker does with its share of a batch: each message becomes a row or a rejection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from processing.clips import Clip, ClipReader
from processing.messages import Rejected, parse_post
from processing.model_files import ModelFiles
from processing.rows import Rejection, ScoredPost
from processing.scoring import Policy, combine, is_flagged

LONGEST_RAW = 65_536
"""Characters of a rejected message that are kept: it must fit into a message again."""


class Message(Protocol):
    """A row of Spark's Kafka source, as far as it is used."""

    topic: str
    partition: int
    offset: int
    value: bytearray | None


class Scorer(Protocol):
    """Both models (processing.models.Models)."""

    def score_text(self, caption: str) -> float: ...

    def score_video(self, clip: Clip) -> float: ...


class Clips(Protocol):
    """Where clips come from (processing.clips.ClipReader)."""

    def read(self, url: str) -> Clip: ...


@dataclass(frozen=True)
class Work:
    """What a worker needs beside the messages; sent to it once."""

    models: ModelFiles
    policy: Policy
    code_version: str


def score_partition(messages: Iterable[Message], work: Work) -> Iterator[ScoredPost | Rejection]:
    """Scores a batch's messages of one partition, one after the other."""
    clips = ClipReader(work.models.shape.frame_size)
    yield from score_messages(messages, work, _models(work.models), clips)


def warm_up(work: Work) -> float:
    """Loads the models and scores a caption: proves that a worker can do its part."""
    return _models(work.models).score_text("xin chào")


def score_messages(
    messages: Iterable[Message], work: Work, models: Scorer, clips: Clips
) -> Iterator[ScoredPost | Rejection]:
    """Only what is known to be wrong with a message rejects it.

    Any other error fails the batch, which is then tried again: a mistake in this code must not
    cost a post.
    """
    for message in messages:
        value = None if message.value is None else bytes(message.value)
        try:
            post = parse_post(value)
            text_score = models.score_text(post.caption)
            video_score = None
            if work.policy.fusion:
                video_score = models.score_video(clips.read(post.video_url))
        except Rejected as error:
            raw = (value or b"").decode(errors="replace")[:LONGEST_RAW]
            yield Rejection(str(error), raw, message.topic, message.partition, message.offset)
            continue
        score = combine(text_score, video_score, work.policy)
        yield ScoredPost(
            post=post,
            text_score=text_score,
            video_score=video_score,
            score=score,
            flagged=is_flagged(score, work.policy),
            policy=work.policy,
            code_version=work.code_version,
            scored_at=datetime.now(timezone.utc),
            partition=message.partition,
            offset=message.offset,
        )


# A Python worker serves many batches: it keeps the models between them.
_loaded: dict[str, Scorer] = {}


def _models(files: ModelFiles) -> Scorer:
    if files.digest not in _loaded:
        # Here and not above: the driver, which ships this function, has no use for torch.
        from processing.models import Models

        _loaded.clear()
        _loaded[files.digest] = Models(files)
    return _loaded[files.digest]
