"""From two scores to one, and to a flag."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """How a post is judged. Weight and threshold lie in 0..1."""

    fusion: bool
    text_weight: float
    threshold: float


def combine(text_score: float, video_score: float | None, policy: Policy) -> float:
    """The post's score in 0..1: w*text + (1-w)*video with fusion, the text's alone without.

    `video_score` may be None only without fusion.
    """
    if not policy.fusion:
        return text_score
    if video_score is None:
        raise ValueError("fusion needs a video score")
    return policy.text_weight * text_score + (1.0 - policy.text_weight) * video_score


def is_flagged(score: float, policy: Policy) -> bool:
    """Whether a person should look: the threshold itself is flagged."""
    return score >= policy.threshold
