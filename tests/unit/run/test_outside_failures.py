"""What to do about a build that failed, by what it said."""

from __future__ import annotations

import pytest

from composetasks.run import outside_failures


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("make: *** [all] Error 1", "correct it"),
        ("cause: No space left on device (os error 28)", outside_failures.FREE_ENGINE),
        ("write /x: disk quota exceeded", outside_failures.FREE_ENGINE),
        ("[internal] booting buildkit\nno such host", outside_failures.GIVE_BUILDER),
        ("ERROR: failed to solve: layer does not exist", outside_failures.EMPTY_CACHE),
    ],
)
def test_an_engine_in_trouble_is_told_from_a_mistake(said: str, cure: str) -> None:
    assert outside_failures.cure(said, "correct it") == cure
