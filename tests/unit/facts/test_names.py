"""What mypy sees of the facts by their modules is there when it is asked for by its name."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_each_name_that_is_imported_from_the_facts_is_one_of_theirs() -> None:
    imported = {
        alias.name
        for path in (ROOT / "scripts").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "composetasks.facts"
        for alias in node.names
    }
    assert len(imported) > 50
    facts = __import__("composetasks.facts", fromlist=sorted(imported))
    assert [name for name in imported if not hasattr(facts, name)] == []
