"""What a shell completes, from what is kept alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke import Argument
from invoke.parser.context import ParserContext

from composetasks.store import names
from composetasks.tasks import collection
from composetasks.tasks.adapter import command_line
from composetasks.verbs import completion
from composetasks.verbs.completion import candidates, load, save

CORE = ParserContext(
    args=(Argument(names=("list", "l"), kind=bool), Argument(names=("help", "h"), optional=True))
)
LINE = command_line({"": CORE, **{str(one.name): one for one in collection().to_contexts()}})


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
        ("up ", {"up", "web", "db"}, {"monday"}),
        ("up we", {"web"}, {"db-data"}),
        ("up --plan ", {"web", "down"}, {"--json"}),
        ("up -s ", {"web", "db"}, {"up"}),
        ("up -s we", {"web", "db"}, {"up"}),
        ("up --rerun d", {"db"}, {"up"}),
        ("up web --instance rev", {"review"}, {"web"}),
        ("up --instance review ", {"web", "up"}, {"review"}),
        ("up --instance down --no-", {"--no-build"}, {"web"}),
        ("up --instance=rev", {"--instance=review"}, {"web"}),
        ("up --instance = rev", {"review"}, {"web"}),
        ("up --instance =", {"review"}, {"web", "--plan"}),
        ("restore mon", {"monday", "up"}, {"web", "db-data", ".half"}),
        ("reset-state db", {"db-data"}, {"monday"}),
        ("reset-state --keep db", {"db-data"}, {"monday", "up"}),
        ("snapshot m", {"up"}, {"monday", "web"}),
        ("up --timeout 3", set(), {"web", "up"}),
        ("layers --edit src/m", set(), {"web", "up"}),
        ("up --no-", {"--no-build", "--plan"}, {"web", "-s"}),
        ("up -", {"--plan", "-s"}, {"up"}),
        ("-", {"--list", "-l"}, {"--plan"}),
        ("--help d", {"down", "up"}, {"web"}),
        ("build web up d", {"db"}, {"monday"}),
        ("exec ", {"web", "db"}, {"up"}),
        ("exec --user root we", {"web"}, {"up"}),
        ('exec web sh -c "ec', set(), {"web", "up", "--user"}),
        ("exec web up -", set(), {"--plan", "--user"}),
        ("exec web -- l", set(), {"web", "up"}),
    ],
)
def test_what_may_come_next(folder: Path, line: str, some: set[str], none: set[str]) -> None:
    results = set(candidates(line.split(" "), LINE, folder))
    assert some <= results
    assert not none & results


def test_a_project_that_never_ran_has_its_tasks_and_stays_as_it_is(tmp_path: Path) -> None:
    assert candidates(["up", "we"], LINE, tmp_path) == sorted(filter(None, LINE.flags))
    save(LINE, tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_a_kept_command_line_is_known_until_what_it_was_made_of_changes(folder: Path) -> None:
    tasks = folder / "tasks.py"
    tasks.write_text("from composetasks import collection\n")
    below = folder / "src"
    below.mkdir()
    assert load(below) is None
    save(LINE, folder, [str(tasks)])
    assert load(below) == (LINE, folder)
    tasks.write_text("from composetasks import collection\nns = collection()\n")
    assert load(below) is None


@pytest.mark.parametrize("tasks", ["tasks.py", "tasks/__init__.py"])
def test_tasks_of_its_own_that_a_project_comes_to_have_are_known(folder: Path, tasks: str) -> None:
    (folder / "compose.yaml").write_text("services: {}\n")
    save(LINE, folder, [])
    assert load(folder) == (LINE, folder)
    (folder / tasks).parent.mkdir(exist_ok=True)
    (folder / tasks).write_text("from composetasks import collection\n")
    assert load(folder) is None


def test_what_another_installation_kept_is_not_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "compose.yaml").write_text("services: {}\n")
    save(LINE, folder, [])
    monkeypatch.setattr(completion, "DEFINITIONS", folder / "compose.yaml")
    assert load(folder) is None


def test_the_names_are_those_of_the_last_run(tmp_path: Path) -> None:
    names.keep(tmp_path, services=["web"], state=["data"])
    before = (tmp_path / names.FILE).stat()
    names.keep(tmp_path, services=["web"])
    assert (tmp_path / names.FILE).stat() == before
    names.keep(tmp_path, services=["api", "web"])
    assert names.known_names(tmp_path) == {"services": ["api", "web"], "state": ["data"]}
