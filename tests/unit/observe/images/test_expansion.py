"""Variables in a Dockerfile's words."""

from __future__ import annotations

import pytest

from composetasks.observe.images.expansion import UnknownValue, Variables, expand


def scope() -> Variables:
    return Variables({"A": "one", "EMPTY": "", "HIDDEN": None})


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("$A/x", "one/x"),
        ("${A}x", "onex"),
        ("$Ax", ""),
        ("$", "$"),
        ("a$", "a$"),
        ("$/x", "$/x"),
        ('"$A b"', "one b"),
        ("'$A b'", "$A b"),
        (r"\$A", "$A"),
        (r"a\ b", "a b"),
        (r'"a\b"', r"a\b"),
        ("${A:-two}", "one"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY-two}", ""),
        ("${NONE-two}", "two"),
        ("${NONE:-$A}", "one"),
        ("${NONE:-${EMPTY:-${A}}}", "one"),
        ("${A:+two}", "two"),
        ("${EMPTY:+two}", ""),
        ("${EMPTY+two}", "two"),
        ("${NONE}", ""),
    ],
)
def test_values(word: str, expected: str) -> None:
    assert expand(word, scope()) == expected


@pytest.mark.parametrize(
    "word",
    ["$HIDDEN", "${A#o}", "${A%e}", "${A/o/x}", "${NONE:?no}", "${A", "'open", '"open', "${}"],
)
def test_what_can_not_be_told(word: str) -> None:
    with pytest.raises(UnknownValue):
        expand(word, scope())


def test_where_a_base_image_may_define_more_an_unknown_name_can_not_be_told() -> None:
    with pytest.raises(UnknownValue):
        expand("$NONE", Variables({"A": "one"}, open=True))
    assert expand("$A", Variables({"A": "one"}, open=True)) == "one"


def test_names_that_were_asked_for_are_known() -> None:
    asked = scope()
    expand("$A ${NONE:-x}", asked)
    assert asked.used == {"A", "NONE"}


def test_another_escape_character() -> None:
    assert expand("a\\b`$A", scope(), "`") == "a\\b$A"
