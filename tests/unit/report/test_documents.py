from __future__ import annotations

from pathlib import Path

import composetasks


def test_a_document_is_built_in_report_alone() -> None:
    root = Path(str(composetasks.__file__)).parent
    building = [path for path in root.rglob("*.py") if "schema(" in path.read_text("utf-8")]
    assert {path.relative_to(root).parts[0] for path in building} == {"report"}
