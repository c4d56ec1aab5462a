"""Reasons in logs that were written for a terminal."""

from __future__ import annotations

import pytest

from composetasks.facts.plain_text import lines_of
from composetasks.plan.start.error_line import error_line, plain_line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("plain", "plain"),
        ("ends as on a terminal\r", "ends as on a terminal"),
        ("10%\r90%\r100%", "100%"),
        ("100%\rERROR: disk full\rdone", "ERROR: disk full"),
        ("\x1b[31mERROR\x1b[0m: disk full", "ERROR: disk full"),
        ("a\vERROR: disk full\fb", "ERROR: disk full"),
        ("a\u2028ERROR: disk full\u2029b\x85c", "ERROR: disk full"),
        ("\r\x1b[2K", ""),
        ("", ""),
    ],
)
def test_a_line_is_what_it_says(line: str, text: str) -> None:
    assert plain_line(line) == text


def test_lines_end_at_a_line_feed_alone() -> None:
    assert lines_of("a\rb\vc\u2028d\ne\n") == ["a\rb\vc\u2028d", "e"]
    assert lines_of("") == []
    assert lines_of("\n\n") == ["", ""]


def test_the_reason_is_found_behind_colours() -> None:
    lines = [plain_line(one) for one in ("ok", "\x1b[1;31mERROR\x1b[0m no luck", "bye")]
    assert error_line(lines) == 1
