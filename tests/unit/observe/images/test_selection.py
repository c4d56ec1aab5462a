"""Patterns of names in COPY, as Go's filepath.Match reads them."""

from __future__ import annotations

import re

import pytest

from composetasks.observe.images.selection import component_expression


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[^a-c]x", "dx", True),
        ("[!a]", "!", True),  # what negates is ^
        ("[e-1]*", "e1", False),  # a range that runs backwards holds nothing
        ("[^e-1]", "z", True),
        (r"[\]a]", "]", True),
        ("[[]", "[", True),
        ("[abc", "[abc", True),
        ("a[b&&b]", "a&", True),  # no set operations
        (r"\*", "*", True),
        (r"\*", "a", False),
    ],
)
def test_a_class_of_characters(pattern: str, name: str, matches: bool) -> None:
    expression = re.compile(component_expression(pattern), re.DOTALL)
    assert bool(expression.fullmatch(name)) is matches
