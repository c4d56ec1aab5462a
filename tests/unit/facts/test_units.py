"""Sizes and durations in words."""

from __future__ import annotations

import pytest

from composetasks.facts.units import seconds, size, whole_number


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (2_000, "2.0 kB"),
        (99_940_000, "99.9 MB"),
        (99_960_000, "100 MB"),
        (500_000_000, "500 MB"),
        (999_600_000, "1.0 GB"),
        (25_300_000_000, "25.3 GB"),
        (3 * 10**12, "3.0 TB"),
    ],
)
def test_a_size_is_told_in_three_digits(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("text", "length"), [("1m30s", 90), ("500ms", 0.5), ("1d", 86400), ("0s", 0)]
)
def test_durations_are_as_compose_writes_them(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "5", "five", "1m 30s", "-1s"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("", None), ("-1", None), ("²", None), ("٣", None), ("9" * 5000, None)],
)
def test_a_whole_number_is_ascii_digits(text: str, number: int | None) -> None:
    assert whole_number(text) == number
