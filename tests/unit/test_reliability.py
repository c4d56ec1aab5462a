"""docs/reliability.md names tests that exist, and every test of faults."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "reliability.md").read_text())


def defined_in(path: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)\(", (ROOT / path).read_text(), re.MULTILINE))


def test_every_test_it_names_exists() -> None:
    assert NAMED
    assert [f"{path}::{name}" for path, name in NAMED if name not in defined_in(path)] == []


def test_it_names_every_test_of_faults() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/faults/test_*.py")]
    there = {(path, name) for path in files for name in defined_in(path)}
    assert there - set(NAMED) == set()
