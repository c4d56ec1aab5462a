"""The reference says what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "reference.py"
_spec = importlib.util.spec_from_file_location("reference", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


@pytest.mark.parametrize("page", sorted(reference.PAGES))
def test_page_is_up_to_date(page: str) -> None:
    written = (reference.FOLDER / page).read_text()
    assert written == reference.PAGES[page](), "run: python scripts/reference.py"
