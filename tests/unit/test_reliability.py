"""docs/reliability.md and docs/security.md name tests that exist; the first every one of faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def named_in(page: str) -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / page).read_text())


def defined_in(path: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)\(", (ROOT / path).read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", ["reliability.md", "security.md"])
def test_every_test_it_names_exists(page: str) -> None:
    named = named_in(page)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in defined_in(path)] == []


def test_it_names_every_test_of_faults() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/faults/test_*.py")]
    there = {(path, name) for path in files for name in defined_in(path)}
    assert there - set(named_in("reliability.md")) == set()
