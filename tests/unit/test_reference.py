"""The reference says what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from composetasks.tasks import TASKS

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "reference.py"
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
    readme = (ROOT / "README.md").read_text()
    rows = [line.split("|")[1] for line in readme.splitlines() if line.startswith("| `")]
    words = {word for row in rows for word in re.findall(r"`([a-z-]+)", row)}
    assert {str(task.name).replace("_", "-") for task in TASKS} <= words


def test_each_decision_has_a_number_of_its_own() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name[:5] for name in names] == [f"{number:04}-" for number in range(1, len(names) + 1)]


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("compose/**/*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", page.read_text())
    ]
    assert links
    assert [f"{page}: {link}" for page, link in links if not (page.parent / link).exists()] == []
