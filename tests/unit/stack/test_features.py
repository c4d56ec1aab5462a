from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.features import LONGEST_CAPTION, frame_indices, ngram_ids


def test_ngrams_are_counted_with_a_space_at_each_end() -> None:
    assert len(ngram_ids("abc", 4096, 2, 4)) == 4 + 3 + 2


def test_the_same_caption_has_the_same_ids_in_every_process() -> None:
    assert ngram_ids("ab", 4096, 2, 3) == [1939, 2157, 2834, 1376, 488]


def test_composed_and_decomposed_letters_are_the_same_caption() -> None:
    caption = "Thử thách nhảy cầu"
    decomposed = unicodedata.normalize("NFD", caption)
    assert decomposed != caption
    assert ngram_ids(decomposed, 4096, 2, 4) == ngram_ids(caption, 4096, 2, 4)


def test_case_and_spaces_do_not_matter() -> None:
    assert ngram_ids("  Xin \n CHÀO ", 4096, 2, 4) == ngram_ids("xin chào", 4096, 2, 4)


@pytest.mark.parametrize("caption", ["", " ", "\n\t"])
def test_an_empty_caption_has_no_ngrams(caption: str) -> None:
    assert ngram_ids(caption, 4096, 2, 4) == []


@given(st.text(), st.integers(1, 100))
def test_ids_lie_within_the_buckets(caption: str, buckets: int) -> None:
    assert all(0 <= number < buckets for number in ngram_ids(caption, buckets, 2, 4))


def test_an_endless_caption_costs_no_more_than_a_long_one() -> None:
    assert len(ngram_ids("x" * 1_000_000, 4096, 2, 4)) < 4 * LONGEST_CAPTION


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
