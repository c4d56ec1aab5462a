from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.scoring import Policy, combine, is_flagged

share = st.floats(0, 1)


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


@given(share, share, share)
def test_a_fused_score_lies_between_the_two(text: float, video: float, weight: float) -> None:
    score = combine(text, video, Policy(fusion=True, text_weight=weight, threshold=0.5))
    assert min(text, video) - 1e-9 <= score <= max(text, video) + 1e-9
