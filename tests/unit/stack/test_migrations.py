"""The migrations are one chain: of two that follow the same one, neither would be run."""

from __future__ import annotations

import ast
from pathlib import Path

VERSIONS = Path(__file__).parents[3] / "compose" / "migrations" / "versions"


def test_each_migration_follows_the_one_before() -> None:
    before = None
    for file in sorted(VERSIONS.glob("*.py")):
        values = {
            ast.unparse(node.targets[0]): ast.literal_eval(node.value)
            for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        }
        assert values["revision"] == file.name[:4]
        assert values["down_revision"] == before, file.name
        before = values["revision"]
