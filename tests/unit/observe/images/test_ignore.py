"""Ignore files, as BuildKit applies them."""

from __future__ import annotations

import pytest

from composetasks.observe.images.ignore import Ignore, cleaned, read_patterns

PATHS = ("a", "a.log", "b/a", "b/a.log", "b/c/a", "b/c/d.log", ".x", "b/.x", "node_modules/m/i.js")


def kept(text: str, paths: tuple[str, ...] = PATHS) -> list[str]:
    ignore = Ignore(read_patterns(text))
    return [path for path in paths if not ignore.ignored(path)]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("*.log", ["a.log"], id="a-star-stays-at-the-top"),
        pytest.param("**/*.log", ["a.log", "b/a.log", "b/c/d.log"], id="two-go-down"),
        pytest.param("a", ["a"], id="a-name-alone-is-at-the-top"),
        pytest.param("**/a", ["a", "b/a", "b/c/a"], id="at-any-depth"),
        pytest.param("b", ["b/a", "b/a.log", "b/c/a", "b/c/d.log", "b/.x"], id="a-folder-with-all"),
        pytest.param("/b/", ["b/a", "b/a.log", "b/c/a", "b/c/d.log", "b/.x"], id="slashes-around"),
        pytest.param("b/*/a", ["b/c/a"], id="one-level"),
        pytest.param("b/**", ["b/a", "b/a.log", "b/c/a", "b/c/d.log", "b/.x"], id="all-below"),
        pytest.param("?", ["a", *PATHS[2:6], "b/.x"], id="one-character"),
        pytest.param("[ab].log", ["a.log"], id="a-class"),
        pytest.param("[^b]", ["a"], id="a-negated-class"),
        pytest.param("# a\n\n  .x  \n", [".x"], id="comments-and-white-space"),
        pytest.param("**\n!b/c", [p for p in PATHS if not p.startswith("b/c/")], id="exception"),
        pytest.param("!b/c\n**", list(PATHS), id="the-later-line-wins"),
        pytest.param("./b/../a", ["a"], id="cleaned"),
        pytest.param("\ufeffa", ["a"], id="bom"),
        pytest.param("a\r\nb/a\r\n", ["a", "b/a"], id="crlf"),
        pytest.param("!", [], id="an-exception-of-nothing"),
        pytest.param("a.l+g", [], id="characters-of-regular-expressions"),
        pytest.param("a\\.log", ["a.log"], id="escaped"),
    ],
)
def test_what_is_ignored(text: str, gone: list[str]) -> None:
    assert kept(text) == [path for path in PATHS if path not in gone]


def test_an_exception_counts_below_a_folder_only_where_it_took_effect_there() -> None:
    # Measured: "d" was not ignored when its folder was looked at, so "!?" brings nothing back.
    assert kept("*/a.txt\n!?", ("d/a.txt",)) == []


def test_a_pattern_that_matches_an_ignored_folder_again_counts_for_nothing_below() -> None:
    assert kept("a\n!a/b\na*", ("a/b",)) == ["a/b"]


def test_a_folder_is_entered_where_an_exception_may_be_below() -> None:
    plain = Ignore(read_patterns("*\n!src/app"))
    assert plain.may_hold_exceptions("src")
    assert not plain.may_hold_exceptions("node_modules")
    assert Ignore(read_patterns("*\n!**/app")).may_hold_exceptions("node_modules")
    assert not Ignore(read_patterns("*")).may_hold_exceptions("src")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a/", "a"), ("/a", "/a"), ("!a", "!a"), ("!./a", "!./a"), (" a/../b ", "b")],
)
def test_patterns_of_exclude(pattern: str, expected: str) -> None:
    assert cleaned(pattern) == expected
