from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.scoring import Policy, combine, is_flagged

share = st.floats(0, 1)
exponents = st.floats(1, 12)


def test_fusion_weighs_text_against_video() -> None:
    policy = Policy(fusion=True, text_weight=0.3, threshold=0.5)
    assert combine(1.0, 0.5, policy) == pytest.approx(0.3 * 1.0 + 0.7 * 0.5)


def test_without_fusion_the_text_counts_alone() -> None:
    policy = Policy(fusion=False, text_weight=0.3, threshold=0.5)
    assert combine(0.8, None, policy) == 0.8


def test_fusion_without_a_video_score_is_a_mistake_and_no_zero() -> None:
    with pytest.raises(ValueError, match="needs a video score"):
        combine(0.8, None, Policy(fusion=True, text_weight=0.3, threshold=0.5))


def test_the_threshold_itself_is_flagged() -> None:
    policy = Policy(fusion=True, text_weight=0.3, threshold=0.5)
    assert is_flagged(0.5, policy)
    assert not is_flagged(0.4999, policy)


def test_with_a_fitted_exponent_one_unsafe_half_is_enough() -> None:
    policy = Policy(fusion=True, text_weight=0.3, threshold=0.5, exponent=6.0)
    assert combine(0.95, 0.05, policy) > 0.75
    assert combine(0.05, 0.95, policy) > 0.85
    assert combine(0.05, 0.05, policy) == pytest.approx(0.05)


@given(share, share, share, exponents)
def test_a_fused_score_lies_between_the_two(
    text: float, video: float, weight: float, exponent: float
) -> None:
    score = combine(text, video, Policy(True, weight, 0.5, exponent))
    assert min(text, video) <= score <= max(text, video)


@given(share, share, exponents)
def test_a_weight_of_one_is_the_text_alone_and_of_none_the_clip(
    text: float, video: float, exponent: float
) -> None:
    assert combine(text, video, Policy(True, 1.0, 0.5, exponent)) == pytest.approx(text, abs=1e-6)
    assert combine(text, video, Policy(True, 0.0, 0.5, exponent)) == pytest.approx(video, abs=1e-6)
