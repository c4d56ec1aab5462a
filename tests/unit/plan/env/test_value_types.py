"""The notation of ``# type:``."""

from __future__ import annotations

import pytest

from composetasks.plan.env.value_types import notation_fault, value_fault


@pytest.mark.parametrize(
    "notation",
    ["int", "int 1..9", "int -3..3", "float", "float 0..1", "float .5..1e3", "bool", "port",
     "choice a b c", "path", "url", "secret"],
)  # fmt: skip
def test_what_the_contract_lists_is_a_type(notation: str) -> None:
    assert notation_fault(notation.split()) == ""


@pytest.mark.parametrize(
    ("notation", "fault"),
    [
        ("integer", "'integer' is not a type"),
        ("", "'' is not a type"),
        ("choice", "'choice' lists no choices"),
        ("bool yes", "'bool' takes nothing after it"),
        ("int 1-9", "'1-9' is not a range of int (such as int 1..9)"),
        ("int 0.5..2", "'0.5..2' is not a range of int (such as int 1..9)"),
        ("int 1 .. 9", "'1 .. 9' is not a range of int (such as int 1..9)"),
        ("float 1..0", "the range 1..0 is empty"),
    ],
)
def test_a_notation_that_is_none_is_told(notation: str, fault: str) -> None:
    assert notation_fault(notation.split() or [""]) == fault


@pytest.mark.parametrize(
    ("notation", "good", "bad"),
    [
        ("int", "0 7 -7 +7 007", "x 1.0 1e3 1_000 ٣ ²"),
        ("int 1..9", "1 9", "0 10 -1"),
        ("float", "0 .5 5. -1.5e-3", "nan inf 0x1 1,5 . e5 --1 1_0.0"),
        ("float 0..1", "0 1 0.5 1e-9", "-0.1 1.01 1e400"),
        ("bool", "true False YES no on off 1 0", "2 y ja t"),
        ("port", "1 80 65535", "0 65536 -1 80.0 80/tcp 000080"),
        ("choice a b", "a b", "A c ab"),
        (
            "url",
            "http://h https://u:p@h:1/x?y kafka://b:9092 file:///x unix:///s",
            "h:1 //h x http:// http:/h",
        ),
        ("path", "/a ./a a ~/a", "http://h/x file:///x"),
        ("secret", "anything at_all", ""),
    ],
)
def test_values_fit_or_not(notation: str, good: str, bad: str) -> None:
    words = notation.split()
    assert [value for value in good.split() if value_fault(words, value)] == []
    assert [value for value in bad.split() if not value_fault(words, value)] == []


def test_a_fault_says_what_the_value_should_be() -> None:
    assert value_fault(["float", "0..1"], "abc") == "a number from 0 to 1"
    assert value_fault(["choice", "a", "b"], "c") == "one of a, b"
    assert value_fault(["path"], "a\nb") == "a path"
