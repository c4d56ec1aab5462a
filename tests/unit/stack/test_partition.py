from __future__ import annotations

from dataclasses import dataclass

import pytest

from processing.clips import Clip
from processing.messages import Rejected
from processing.model_files import ModelFiles, Shape
from processing.partition import LONGEST_RAW, Work, score_messages
from processing.rows import Rejection, ScoredPost
from processing.scoring import Policy
from tests.unit.stack.samples import POLICY, value


@dataclass
class Message:
    value: bytearray | None
    offset: int = 0
    partition: int = 1
    topic: str = "posts"


class FixedScores:
    def score_text(self, caption: str) -> float:
        return 0.2

    def score_video(self, clip: Clip) -> float:
        return 0.9


class Clips:
    def __init__(self, reason: str = "") -> None:
        self._reason = reason

    def read(self, url: str) -> Clip:
        if self._reason:
            raise Rejected(self._reason)
        return Clip(48, b"")


class NoClips:
    def read(self, url: str) -> Clip:
        raise AssertionError("without fusion no clip is asked for")


def work(policy: Policy = POLICY) -> Work:
    return Work(ModelFiles(Shape(), b"", b"", "digest"), policy, "0123456789ab")


def message(content: bytes | None, offset: int = 0) -> Message:
    return Message(None if content is None else bytearray(content), offset)


def test_a_message_becomes_a_row_with_all_it_was_judged_by() -> None:
    (row,) = score_messages([message(value(), 7)], work(), FixedScores(), Clips())
    assert isinstance(row, ScoredPost)
    assert (row.text_score, row.video_score) == (0.2, 0.9)
    assert row.score == pytest.approx(0.3 * 0.2 + 0.7 * 0.9)
    assert row.flagged
    assert (row.policy, row.code_version, row.offset) == (POLICY, "0123456789ab", 7)


def test_without_fusion_the_clip_is_not_even_fetched() -> None:
    policy = Policy(fusion=False, text_weight=0.3, threshold=0.5)
    (row,) = score_messages([message(value())], work(policy), FixedScores(), NoClips())
    assert isinstance(row, ScoredPost)
    assert (row.score, row.video_score, row.flagged) == (0.2, None, False)


def test_a_bad_message_stops_nothing() -> None:
    messages = [message(b"{", 1), message(value(), 2), message(None, 3)]
    first, second, third = score_messages(messages, work(), FixedScores(), Clips())
    assert isinstance(first, Rejection)
    assert (first.raw, first.topic, first.partition, first.offset) == ("{", "posts", 1, 1)
    assert isinstance(second, ScoredPost)
    assert third == Rejection("the message is empty", "", "posts", 1, 3)


def test_a_clip_that_is_not_to_be_had_rejects_its_post() -> None:
    (rejection,) = score_messages([message(value())], work(), FixedScores(), Clips("HTTP 404"))
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "HTTP 404"
    assert "phở" in rejection.raw


def test_what_is_told_of_a_message_fits_into_a_message() -> None:
    (rejection,) = score_messages([message(b"\xff" * 900_000)], work(), FixedScores(), Clips())
    assert isinstance(rejection, Rejection)
    assert len(rejection.raw) == LONGEST_RAW
    assert len(rejection.as_json().encode()) < 1_000_000


def test_a_mistake_of_our_own_rejects_nothing() -> None:
    class Broken(FixedScores):
        def score_text(self, caption: str) -> float:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(score_messages([message(value())], work(), Broken(), Clips()))
