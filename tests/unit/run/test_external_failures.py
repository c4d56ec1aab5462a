"""What to do about a build that failed, by what it said."""

from __future__ import annotations

import pytest

from composetasks.run import external_failures


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("make: *** [all] Error 1", "correct it"),
        ("cause: No space left on device (os error 28)", external_failures.FREE_ENGINE),
        ("write /x: disk quota exceeded", external_failures.FREE_ENGINE),
        ("[internal] booting buildkit\nno such host", external_failures.GIVE_BUILDER),
        ("ERROR: failed to solve: layer does not exist", external_failures.EMPTY_CACHE),
    ],
)
def test_an_engine_in_trouble_is_told_from_a_mistake(said: str, cure: str) -> None:
    assert external_failures.cure(said, "correct it") == cure
