"""Platforms by their several names."""

from __future__ import annotations

import pytest

from composetasks.observe.images.platforms import differ, parsed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/arm64/v8", "linux/aarch64"),
        ("linux/arm/7", "linux/arm"),
        ("linux/armhf", "linux/arm/v7"),
        ("armel", "linux/arm/v6"),
    ],
)
def test_names_of_the_same_platform_are_equal(one: str, other: str) -> None:
    assert parsed(one) == parsed(other)


def test_other_platforms_are_not() -> None:
    names = ["linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm", "windows/amd64", "no/such"]
    assert len({parsed(name) for name in names}) == len(names)


def test_a_system_alone_takes_any_architecture() -> None:
    assert not differ("linux", "linux/arm64/v8")
    assert differ("linux/amd64", "linux/arm64")
