"""What the documentation tells people to type and to write can be typed and written."""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser

from composetasks.tasks import collection
from composetasks.tasks.program import OWN

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))
BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>\w+)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
PROGRAMS = (("inv",), ("composetasks",))


def blocks(kind: str) -> list[object]:
    return [
        pytest.param(textwrap.dedent(block["text"]), id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, block in enumerate(BLOCK.finditer(page.read_text()))
        if block["kind"] == kind
    ]


def typed(text: str) -> Iterator[list[str]]:
    """The words after `inv` or `composetasks` of each command in a block for a shell."""
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"\w+=\S*", words[0]):
            words.pop(0)
        for program in PROGRAMS:
            if tuple(words[: len(program)]) == program:
                yield words[len(program) :]


@pytest.mark.parametrize("text", blocks("sh"))
def test_commands_are_those_of_the_tasks(text: str) -> None:
    tasks = collection()
    for task in OWN:
        tasks.add_task(task)
    for words in typed(text):
        parser = Parser(contexts=tasks.to_contexts(), initial=ParserContext(args=()))
        assert len(parser.parse_argv(words)) > 1, words


def test_files_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`([\w./-]+/[\w-]+\.(?:py|md))`", text))
    places = (ROOT, ROOT / "scripts" / "composetasks")
    assert len(named) > 10
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_names_that_contributing_points_at_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    pointers = re.findall(r"`(\w+)` in\s+`([\w./-]+\.py)`", text)
    assert len(pointers) > 5
    for name, path in pointers:
        result = (ROOT / "scripts" / "composetasks").rglob(Path(path).name)
        files = [one.read_text() for one in result if one.as_posix().endswith(f"/{path}")]
        here = re.compile(rf"^(?:def |class )?{name}\b", re.M)
        assert any(map(here.search, files)), (name, path)


@pytest.mark.parametrize("text", blocks("python"))
def test_python_is_python(text: str) -> None:
    ast.parse(text)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_yaml_is_yaml(text: str) -> None:
    assert yaml.safe_load(text)
