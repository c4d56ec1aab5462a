"""From two scores to one, and to a flag."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """How a post is judged. Weight and threshold lie in 0..1; `exponent` is fitted with the models,
    and says how far the higher of two scores decides."""

    fusion: bool
    text_weight: float
    threshold: float
    exponent: float = 1.0


def combine(text_score: float, video_score: float | None, policy: Policy) -> float:
    """The post's score in 0..1: the text's alone without fusion; with it the power mean
    (w*text^e + (1-w)*video^e)^(1/e).

    An exponent of 1 is the weighted mean. The larger it is, the more it suffices that one of the
    two is unsafe: as a person judges, and as the sample is labelled. At a weight of 0 or 1 the
    score is the clip's, or the text's, whatever the exponent.
    `video_score` may be None only without fusion.
    """
    if not policy.fusion:
        return text_score
    if video_score is None:
        raise ValueError("fusion needs a video score")
    weight, power = policy.text_weight, policy.exponent
    mean = weight * text_score**power + (1.0 - weight) * video_score**power
    # Of two equal scores the mean is that score, which rounding must not take beyond either.
    low, high = sorted((text_score, video_score))
    return float(min(high, max(low, mean ** (1.0 / power))))


def is_flagged(score: float, policy: Policy) -> bool:
    """Whether a person should look: the threshold itself is flagged."""
    return score >= policy.threshold
