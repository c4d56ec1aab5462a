"""Words that several pages have in common."""

from __future__ import annotations

import pytest

from composetasks.report.text import after


@pytest.mark.parametrize(
    ("seconds", "done", "words"),
    [
        (16.64, True, " after 16.6 s"),
        (128.2, True, " after 2 min 08 s"),
        (0.3, False, ", nothing to do"),
    ],
)
def test_a_run_says_how_long_it_took_as_its_lines_do(
    seconds: float, done: bool, words: str
) -> None:
    assert after(seconds, done=done) == words
