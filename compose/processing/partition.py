"""What a Spark worker does with its share of a batch: each message becomes a row, a rejection, or
another try later."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol, TypeVar

from processing.clips import Answer, ClipReader
from processing.decode import Clip, decode, decode_apart
from processing.fetch import Fetcher, Hosts, Unavailable
from processing.messages import LONGEST_MESSAGE, Post, Rejected, parse_post
from processing.model_files import ModelFiles
from processing.retries import again, is_due, parse_retry
from processing.rows import RETRY, Origin, Rejection, Retry, ScoredPost
from processing.scoring import Policy, combine, is_flagged
from processing.settings import Postgres
from processing.store import Away, Store
from processing.tally import Tally

LONGEST_RAW = 65_536
"""Characters of a rejected message that are kept: it must fit into a message again."""
SCORED_TOGETHER = 32
"""Posts that the models see at once."""
WRITTEN_TOGETHER = 256
"""Posts of one statement."""
CLIP_SECONDS = 5.0
LATE_CLIP_SECONDS = 30.0
"""For a clip that was not there in time: by then nobody waits for it."""

Outcome = ScoredPost | Rejection | Retry
Item = TypeVar("Item")


class Message(Protocol):
    """A row of Spark's Kafka source, as far as it is used. Of a value that is too long only the
    beginning is there; `size` is the length of the whole in bytes."""

    topic: str
    partition: int
    offset: int
    value: bytearray | None
    size: int | None


class Scores(Protocol):
    """The models (processing.scorers.Models)."""

    def score_texts(self, captions: Sequence[str]) -> list[float]: ...

    def score_videos(self, clips: Sequence[Clip]) -> list[float]: ...


@dataclass(frozen=True)
class Work:
    """What a worker needs beside the messages; sent to it once."""

    models: ModelFiles
    policy: Policy
    code_version: str
    postgres: Postgres
    downloads: int
    inside: Hosts


@dataclass(frozen=True)
class Read:
    """A message that was read: a post, perhaps one that was tried before, or what is told of it
    already."""

    message: Message
    post: Post | None = None
    before: Retry | None = None
    told: Rejection | Retry | None = None


class Clips(Protocol):
    """Where clips come from (processing.clips.ClipReader)."""

    def read_all(
        self, items: Iterable[Read], url: Callable[[Read], str | None]
    ) -> Iterator[tuple[Read, Answer | None]]: ...


def score_partition(
    messages: Iterable[Message], work: Work, tally: Tally, *, late: bool, careful: bool
) -> Iterator[tuple[str, str, str]]:
    """Scores a batch's messages of one partition and writes their rows. Gives topic, key and value
    of what is to be told in Kafka.

    Where the database does not answer the tally says so, and the batch is to be done again.
    `late`: these are retries, whose clips may take longer. `careful`: this task has been tried
    before and may have brought its worker down, so that each clip is decoded by a process of its
    own.
    """
    store = _store(work.postgres)
    for group in groups(_scored(messages, work, late=late, careful=careful), WRITTEN_TOGETHER):
        rows = [outcome for outcome in group if isinstance(outcome, ScoredPost)]
        try:
            refused = store.write(rows)
        except Away as error:
            tally.add_trouble(str(error))
            return
        told = [outcome for outcome in group if not isinstance(outcome, ScoredPost)]
        told += [_refusal(row, reason) for row, reason in refused]
        tally.add(rows, told)
        yield from ((outcome.topic, outcome.key, outcome.as_json()) for outcome in told)


def warm_up(work: Work) -> None:
    """Loads the models and scores a caption: proves that a worker can do its part."""
    _models(work.models).score_texts(["xin chào"])


def score_messages(
    messages: Iterable[Message], work: Work, models: Scores, clips: Clips, now: float
) -> Iterator[Outcome]:
    """Only what is known to be wrong with a message rejects it.

    Any other error fails the batch, which is then tried again: a mistake in this code must not
    cost a post. A post whose clip can't be had yet is a row by its text, and another try.
    """

    def wanted(read: Read) -> str | None:
        return read.post.video_url if work.policy.fusion and read.post else None

    reads = (read_message(message, now) for message in messages)
    for group in groups(clips.read_all(reads, wanted), SCORED_TOGETHER):
        yield from _judge(group, work, models, now)


def read_message(message: Message, now: float) -> Read:
    """The post in a message, or its rejection, or a retry that is not due yet as it is."""
    value = None if message.value is None else bytes(message.value)
    try:
        if message.size is not None and message.size > LONGEST_MESSAGE:
            raise Rejected(f"longer than {LONGEST_MESSAGE} bytes: {message.size}")
        if message.topic != RETRY:
            return Read(message, parse_post(value))
        retry = parse_retry(value)
    except Rejected as error:
        return Read(message, told=rejection(message, error))
    if not is_due(retry, now):
        return Read(message, told=retry)
    return Read(message, retry.post, retry)


def rejection(message: Message, error: Rejected) -> Rejection:
    """What is told of a message that can't be scored."""
    raw = bytes(message.value or b"").decode(errors="replace")[:LONGEST_RAW]
    return Rejection(str(error), raw, Origin(message.topic, message.partition, message.offset))


def groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of that size, and the rest."""
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group


def _judge(
    group: list[tuple[Read, Answer | None]], work: Work, models: Scores, now: float
) -> Iterator[Outcome]:
    """What becomes of each message of a group; the models are asked once for all of them."""
    texts = iter(models.score_texts([read.post.caption for read, _ in group if read.post]))
    videos = iter(models.score_videos([clip for _, clip in group if isinstance(clip, Clip)]))
    for read, clip in group:
        if read.told is not None:
            yield read.told
        if read.post is None:
            continue
        text = next(texts)
        video = next(videos) if isinstance(clip, Clip) else None
        origin = Origin(read.message.topic, read.message.partition, read.message.offset)
        try:
            if isinstance(clip, Rejected):
                raise clip
            if not math.isfinite(text) or not math.isfinite(video or 0.0):
                raise Rejected("the models give no number for it")
            if isinstance(clip, Unavailable):
                yield again(read.post, f"video_url: {clip}", origin, read.before, now)
        except Rejected as error:
            yield rejection(read.message, error)
            continue
        score = text if video is None else combine(text, video, work.policy)
        yield ScoredPost(
            post=read.post,
            text_score=text,
            video_score=video,
            score=score,
            flagged=is_flagged(score, work.policy),
            policy=work.policy,
            model=work.models.digest,
            code_version=work.code_version,
            scored_at=datetime.now(timezone.utc),
            origin=origin,
        )


def _scored(
    messages: Iterable[Message], work: Work, *, late: bool, careful: bool
) -> Iterator[Outcome]:
    """The messages' outcomes, by this worker's own models, and clips over HTTP."""
    models = _models(work.models)
    decoder = decode_apart if careful else decode
    with Fetcher(LATE_CLIP_SECONDS if late else CLIP_SECONDS, work.inside) as fetcher:
        clips = ClipReader(fetcher, decoder, work.models.frame_size, work.downloads)
        yield from score_messages(messages, work, models, clips, time.time())


def _refusal(row: ScoredPost, reason: str) -> Rejection:
    raw = str(row.post.fields())[:LONGEST_RAW]
    return Rejection(f"the database refuses it: {reason}", raw, row.origin)


# A Python worker serves many batches: it keeps models and connection between them.
_loaded: dict[str, Scores] = {}
_stores: dict[Postgres, Store] = {}


def _models(files: ModelFiles) -> Scores:
    if files.digest not in _loaded:
        # Here and not above: the driver, which ships this function, has no use for their runtime.
        from processing.scorers import Models

        _loaded.clear()
        _loaded[files.digest] = Models(files)
    return _loaded[files.digest]


def _store(where: Postgres) -> Store:
    if where not in _stores:
        _stores[where] = Store(where)
    return _stores[where]
