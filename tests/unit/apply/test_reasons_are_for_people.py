"""A plan's reasons and evidence are for people: nothing that acts reads them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

from composetasks import apply, verbs
from composetasks.facts import Action, Operation


def reads(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return attributes | (names & {"Evidence"})


def test_nothing_that_acts_reads_evidence() -> None:
    rooms = [Path(str(room.__file__)).parent for room in (apply, verbs)]
    paths = [path for room in rooms for path in room.rglob("*.py")]
    assert len(paths) > 50
    assert [path for path in paths if {"because", "Evidence"} & reads(path)] == []


def test_every_action_is_one_operation() -> None:
    operations = get_args(Operation)
    assert sorted(one.action for one in operations) == sorted(Action)
