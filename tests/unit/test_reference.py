"""The reference says what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from composetasks.tasks import TASKS

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


def test_the_readme_s_table_has_every_task() -> None:
    readme = (SCRIPT.parents[1] / "README.md").read_text()
    rows = [line.split("|")[1] for line in readme.splitlines() if line.startswith("| `")]
    words = {word for row in rows for word in re.findall(r"`([a-z-]+)", row)}
    assert {str(task.name).replace("_", "-") for task in TASKS} <= words
