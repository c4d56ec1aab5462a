"""Keys as terminals send them."""

from __future__ import annotations

import pytest

from composetasks.run.keys import keys_of


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("r", ["r"]),
        ("\x1b[A", ["up"]),
        ("\x1bOB", ["down"]),
        ("\x1b[B\x1b[B\x1b[Ar", ["down", "down", "up", "r"]),  # held down, then another key
        ("qä", ["q", "ä"]),
        ("\x1b", []),
        ("\x1b\x1b[A", ["up"]),
        ("\x1b[1;5Ao", ["o"]),  # Ctrl and an arrow
        ("\x1b[15~\x1b[3~f", ["f"]),  # F5, Delete
        ("\x1b[", []),
        ("", []),
    ],
)
def test_each_key_is_read_also_when_several_come_at_once(text: str, keys: list[str]) -> None:
    assert list(keys_of(text)) == keys
