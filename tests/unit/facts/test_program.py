"""Hints name tasks by the program that the user started."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import composetasks
from composetasks.facts import program

LIBRARY = Path(composetasks.__file__).parent


@pytest.fixture
def _as_before() -> Iterator[None]:
    yield
    program.started_as(program.INV)


@pytest.mark.usefixtures("_as_before")
def test_a_task_is_named_as_it_was_typed() -> None:
    assert program.task("up --plan") == "`inv up --plan`"
    program.started_as("composetasks")
    assert program.task("up --plan") == "`composetasks up --plan`"


def test_no_text_of_the_library_names_one_program() -> None:
    for path in LIBRARY.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        pages = {
            ast.get_docstring(node, clean=False)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        }
        texts = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        named = [text for text in texts if "`inv " in text and text not in pages]
        assert named == [], path
