"""What a shell completes, from what is kept alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke import Argument
from invoke.parser.context import ParserContext

from composetasks.store import names
from composetasks.tasks import collection
from composetasks.tasks.completion import candidates, tokens_of

CONTEXTS = {str(one.name): one for one in collection().to_contexts()}
CORE = ParserContext(args=(Argument(names=("list", "l"), kind=bool),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ours = tmp_path / ".composetasks"
    for place in ("cache", "snapshots/monday", "snapshots/.half", "instances/review"):
        (ours / place).mkdir(parents=True)
    names.keep(ours / "cache", services=["web", "db"], state=["db-data"])
    return tmp_path


@pytest.mark.parametrize(
    ("line", "some", "none"),
    [
        ("", {"up", "down"}, {"web", "monday"}),
        ("up", {"up", "web", "db"}, {"monday"}),
        ("up we", {"web"}, {"db-data"}),
        ("up -s", {"web", "db"}, {"up"}),
        ("up -s we", {"web", "db"}, {"up"}),
        ("up --rerun d", {"db"}, {"up"}),
        ("up web --instance rev", {"review"}, {"web"}),
        ("restore mon", {"monday", "up"}, {"web", "db-data", ".half"}),
        ("reset-state db", {"db-data"}, {"monday"}),
        ("reset-state --keep db", {"db-data"}, {"monday", "up"}),
        ("snapshot m", {"up"}, {"monday", "web"}),
        ("up --timeout 3", set(), {"web", "up"}),
        ("up --no-", {"--no-build", "--plan"}, {"web", "-s"}),
        ("up -", {"--plan", "-s"}, {"up"}),
        ("-", {"--list", "-l"}, {"--plan"}),
        ("build web up d", {"db"}, {"monday"}),
        ('exec web sh -c "ec', {"web"}, set()),
    ],
)
def test_what_may_come_next(folder: Path, line: str, some: set[str], none: set[str]) -> None:
    found = set(candidates(tokens_of(f"inv {line}", ["inv"]), CORE, CONTEXTS, folder))
    assert some <= found
    assert not none & found


def test_a_project_that_never_ran_has_its_tasks(tmp_path: Path) -> None:
    assert candidates(["up", "we"], CORE, CONTEXTS, tmp_path) == sorted(CONTEXTS)


def test_the_programs_name_goes_before() -> None:
    assert tokens_of("inv up web", ["inv"]) == ["up", "web"]
    assert tokens_of(".venv/bin/inv up", ["inv", "invoke"]) == ["up"]


def test_the_names_are_those_of_the_last_run(tmp_path: Path) -> None:
    names.keep(tmp_path, services=["web"], state=["data"])
    before = (tmp_path / names.FILE).stat()
    names.keep(tmp_path, services=["web"])
    assert (tmp_path / names.FILE).stat() == before
    names.keep(tmp_path, services=["api", "web"])
    assert names.known_names(tmp_path) == {"services": ["api", "web"], "state": ["data"]}
