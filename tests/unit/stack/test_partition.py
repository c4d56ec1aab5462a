from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from processing.clips import Answer
from processing.decode import Clip
from processing.fetch import Unavailable
from processing.messages import LONGEST_MESSAGE, Rejected
from processing.model_files import ModelFiles
from processing.partition import LONGEST_RAW, Outcome, Read, Work, groups, score_messages
from processing.retries import again
from processing.rows import Origin, Rejection, Retry, ScoredPost
from processing.scoring import Policy
from processing.settings import Postgres
from processing.tally import Tally
from tests.unit.stack.samples import POLICY, row, value

NOW = 1_000_000.0


@dataclass
class Message:
    value: bytearray | None
    offset: int = 0
    partition: int = 1
    topic: str = "posts"
    size: int | None = None


class FixedScores:
    def __init__(self, text: float = 0.2) -> None:
        self._text = text

    def score_texts(self, captions: Sequence[str]) -> list[float]:
        return [self._text for _ in captions]

    def score_videos(self, clips: Sequence[Clip]) -> list[float]:
        return [0.9 for _ in clips]


class Clips:
    """Answers by the last word of the address; says what was asked."""

    def __init__(self, **answers: Answer) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def read_all(
        self, items: Iterable[Read], url: Callable[[Read], str | None]
    ) -> Iterator[tuple[Read, Answer | None]]:
        for item in items:
            address = url(item)
            if address is None:
                yield item, None
                continue
            self.asked.append(address)
            yield item, self._answers.get(address.rpartition("/")[2], Clip(48, b""))


def work(policy: Policy = POLICY) -> Work:
    files = ModelFiles({}, {}, "ba9876543210")
    return Work(files, policy, "0123456789ab", Postgres("h", 1, "d", "u", "p"), 8, frozenset())


def message(content: bytes | None, offset: int = 0, topic: str = "posts") -> Message:
    return Message(None if content is None else bytearray(content), offset, topic=topic)


def post(end: str, offset: int = 0) -> Message:
    return message(value(video_url=f"http://feed/{end}", post_id=f"post-{end}"), offset)


def score(
    *messages: Message, clips: Clips | None = None, policy: Policy = POLICY, text: float = 0.2
) -> list[Outcome]:
    outcomes = score_messages(messages, work(policy), FixedScores(text), clips or Clips(), NOW)
    return list(outcomes)


def test_a_message_becomes_a_row_with_all_it_was_judged_by() -> None:
    (row,) = score(message(value(), 7))
    assert isinstance(row, ScoredPost)
    assert (row.text_score, row.video_score) == (0.2, 0.9)
    assert row.score == pytest.approx(0.3 * 0.2 + 0.7 * 0.9)
    assert row.flagged
    assert (row.policy, row.model) == (POLICY, "ba9876543210")
    assert row.code_version == "0123456789ab"
    assert row.origin == Origin("posts", 1, 7)


def test_without_fusion_the_clip_is_not_even_fetched() -> None:
    clips = Clips()
    (row,) = score(message(value()), clips=clips, policy=Policy(False, 0.3, 0.5))
    assert isinstance(row, ScoredPost)
    assert (row.score, row.video_score, row.flagged) == (0.2, None, False)
    assert not row.is_pending
    assert clips.asked == []


def test_a_bad_message_stops_nothing() -> None:
    first, second, third = score(message(b"{", 1), message(value(), 2), message(None, 3))
    assert isinstance(first, Rejection)
    assert (first.raw, first.origin) == ("{", Origin("posts", 1, 1))
    assert isinstance(second, ScoredPost)
    assert third == Rejection("the message is empty", "", Origin("posts", 1, 3))


def test_each_clip_counts_for_its_own_post_alone() -> None:
    clips = Clips(gone=Rejected("HTTP 404"), slow=Unavailable("it takes more than 5 s"))
    outcomes = score(post("gone"), post("a"), post("slow", 5), post("b"), clips=clips)
    assert [type(outcome) for outcome in outcomes] == [
        *(Rejection, ScoredPost, Retry, ScoredPost, ScoredPost),
    ]
    rejection, _, retry, pending, _ = outcomes
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "HTTP 404"
    assert "phở" in rejection.raw
    assert isinstance(retry, Retry)
    assert (retry.reason, retry.tries, retry.first) == (
        *("video_url: it takes more than 5 s", 1, NOW),
    )
    assert isinstance(pending, ScoredPost)
    assert pending.is_pending
    assert (pending.score, pending.flagged, pending.post.post_id) == (0.2, False, "post-slow")


def retried(due: float) -> Message:
    before = again(row("a", 1, 1).post, "HTTP 503", Origin("posts", 0, 3), None, due - 5)
    return message(before.as_json().encode(), 9, topic="posts.retry")


def test_a_retry_that_is_due_becomes_the_row_it_was_to_be() -> None:
    (row,) = score(retried(NOW))
    assert isinstance(row, ScoredPost)
    assert (row.post.post_id, row.video_score) == ("a", 0.9)


def test_a_retry_that_is_not_due_yet_goes_back_as_it_is() -> None:
    clips = Clips()
    (retry,) = score(retried(NOW + 60), clips=clips)
    assert isinstance(retry, Retry)
    assert (retry.tries, retry.due) == (1, NOW + 60)
    assert clips.asked == []


def test_a_clip_that_turns_out_to_be_gone_is_told_at_its_retry() -> None:
    (rejection,) = score(retried(NOW), clips=Clips(**{"a.mp4": Rejected("HTTP 404")}))
    assert isinstance(rejection, Rejection)
    assert rejection.origin == Origin("posts.retry", 1, 9)


def test_what_is_told_of_a_message_fits_into_a_message() -> None:
    (rejection,) = score(message(b"\xff" * 900_000))
    assert isinstance(rejection, Rejection)
    assert len(rejection.raw) == LONGEST_RAW
    assert len(rejection.as_json().encode()) < 1_000_000


def test_a_message_too_long_to_be_read_whole_is_rejected_by_its_size() -> None:
    long = message(value())
    long.size = 50_000_000
    (rejection,) = score(long)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == f"longer than {LONGEST_MESSAGE} bytes: 50000000"


def test_a_score_that_is_no_number_is_never_written() -> None:
    (rejection,) = score(message(value()), text=float("nan"))
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "the models give no number for it"


def test_a_mistake_of_our_own_rejects_nothing() -> None:
    class Broken(FixedScores):
        def score_texts(self, captions: Sequence[str]) -> list[float]:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(score_messages([message(value())], work(), Broken(), Clips(), NOW))


def test_groups_keep_the_order_and_the_rest() -> None:
    assert list(groups(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(groups([], 2)) == []


def test_a_tally_says_what_became_of_a_batch() -> None:
    outcomes = score(
        post("a"), message(b"{"), post("slow"), clips=Clips(slow=Unavailable("HTTP 503"))
    )
    tally = Tally()
    tally.add(
        [outcome for outcome in outcomes if isinstance(outcome, ScoredPost)],
        [outcome for outcome in outcomes if not isinstance(outcome, ScoredPost)],
    )
    assert str(tally) == "1 scored, 1 by their text for now, 1 rejected, 1 to be tried again"
    assert tally.due == NOW + 5
    both = tally.merge(Tally(scored=2, due=NOW))
    assert (both.scored, both.due) == (3, NOW)
    assert str(Tally()) == "nothing"
