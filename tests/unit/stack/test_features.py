from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.features import frame_indices


def test_frames_are_evenly_spaced_from_first_to_last() -> None:
    assert frame_indices(16, 16) == list(range(16))
    assert frame_indices(31, 16) == list(range(0, 31, 2))


def test_a_short_clip_repeats_frames() -> None:
    assert frame_indices(1, 3) == [0, 0, 0]


def test_a_clip_without_frames_is_no_clip() -> None:
    with pytest.raises(ValueError, match="without frames"):
        frame_indices(0, 16)


@given(st.integers(1, 500), st.integers(1, 64))
def test_frames_are_in_order_and_exist(available: int, wanted: int) -> None:
    indices = frame_indices(available, wanted)
    assert len(indices) == wanted
    assert indices == sorted(indices)
    assert 0 <= indices[0] <= indices[-1] < available
