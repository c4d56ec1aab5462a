"""The words of the rooms come from where they are made, and no sooner than they are asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from composetasks import facts

FOLDER = Path(facts.__file__).parent


def classes(module: Path) -> list[str]:
    """The names of the classes that a module makes."""
    nodes = ast.parse(module.read_text()).body
    return [node.name for node in nodes if isinstance(node, ast.ClassDef)]


def test_every_class_of_every_subject_is_a_word() -> None:
    for module in FOLDER.glob("[!_]*.py"):
        for name in classes(module):
            assert getattr(facts, name).__module__ == f"composetasks.facts.{module.stem}"


def test_a_word_that_is_none() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        facts.Nothing  # noqa: B018 - asked for, and not there


def test_the_list_of_tasks_loads_no_subject_of_the_facts() -> None:
    code = (
        "import sys, composetasks.tasks;"
        "print(*sorted(name for name in sys.modules if name.startswith('composetasks.facts.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "composetasks.facts.codes",
        "composetasks.facts.frozen",
        "composetasks.facts.program",
    ]
