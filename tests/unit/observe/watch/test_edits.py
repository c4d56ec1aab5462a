"""Which rules a path falls under, as Compose has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from composetasks.facts import Build, WatchAction, WatchRule
from composetasks.observe.watch.changes import Batch, Changes
from composetasks.observe.watch.edits import WatchedRules, dockerfiles
from tests.unit.worlds import model, service


@pytest.fixture
def watched(tmp_path: Path) -> WatchedRules:
    (tmp_path / "web/src").mkdir(parents=True)
    (tmp_path / "web/.dockerignore").write_text("*.log\n!kept.log\nsrc/gone\nDockerfile\n")
    (tmp_path / "web/Dockerfile").write_text("FROM scratch\n")
    web = str(tmp_path / "web")
    of = model(service("web", build=Build(web, "Dockerfile", {})), directory=tmp_path)
    rules = (
        WatchRule("web", WatchAction.SYNC, f"{web}/src", "/app", ("skip/",), ("**/*.py",)),
        WatchRule("web", WatchAction.REBUILD, web, ignore=("src/",)),
    )
    return WatchedRules(of, rules)


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("web/src/a.py", ["sync"]),
        ("web/src/deep/a.py", ["sync"]),
        ("web/src/a.txt", []),
        ("web/src/skip/a.py", []),
        ("web/src/gone/a.py", []),
        ("web/a", ["rebuild"]),
        ("web/a.log", []),
        ("web/kept.log", ["rebuild"]),
        ("web/Dockerfile", ["rebuild"]),
        ("web/.dockerignore", ["rebuild"]),
        ("web", []),
        ("elsewhere", []),
        ("web/.git/index", []),
        ("web/.composetasks/runs/x", []),
        *((f"web/{name}", []) for name in ("4913", "a~", ".a.swp", ".a.swx", ".#a", "#a#")),
        *((f"web/{name}", []) for name in ("a___jb_tmp___", "a___jb_old___", ".idea/x.xml")),
        ("web/a.swf", ["rebuild"]),
    ],
)
def test_a_path_falls_under_rules(
    watched: WatchedRules, tmp_path: Path, name: str, actions: list[str]
) -> None:
    path = tmp_path / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    edits = watched.edits({str(path): False})
    assert [rule.action.value for edit in edits for rule in edit.rules] == actions
    assert all(edit.name == name for edit in edits)


@pytest.mark.parametrize(
    ("failed", "edited"),
    [
        ({}, []),
        ({"web": ()}, ["web/Dockerfile", "web/.dockerignore"]),
        ({"web": ["{}/web/more/a"]}, ["web/Dockerfile", "web/.dockerignore", "web/more"]),
    ],
)
def test_what_a_failed_build_is_done_by_is_an_edit_wherever_it_lies(
    watched: WatchedRules, tmp_path: Path, failed: dict[str, list[str]], edited: list[str]
) -> None:
    rule = WatchRule("web", WatchAction.REBUILD, f"{tmp_path}/web/src")
    names = ("web/Dockerfile", "web/.dockerignore", "web/README", "web/more")
    lacked = {name: [one.format(tmp_path) for one in paths] for name, paths in failed.items()}
    again = WatchedRules(watched.model, (rule,), lacked)
    edits = [edit for name in names for edit in again.edits({str(tmp_path / name): False})]
    assert [edit.name for edit in edits] == edited


def test_a_dockerfile_beside_its_context_is_an_edit_after_a_failed_build(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    build = Build(f"{tmp_path}/web", "../Dockerfile.web", {})
    of = model(service("web", build=build), directory=tmp_path)
    rule = WatchRule("web", WatchAction.REBUILD, f"{tmp_path}/web")
    edits = WatchedRules(of, (rule,), {"web": ()}).edits({f"{tmp_path}/Dockerfile.web": False})
    assert [edit.name for edit in edits] == ["Dockerfile.web"]


@pytest.mark.parametrize("context", ["https://example.org/web.git", "git@example.org:web.git#main"])
def test_the_dockerfile_of_a_remote_context_is_no_file_here(context: str) -> None:
    of = model(service("web", build=Build(context, "Dockerfile", {})))
    assert list(dockerfiles(of, "web")) == []


def test_what_is_to_be_there_from_the_beginning_is_what_is_here(tmp_path: Path) -> None:
    source = tmp_path / "src"
    rule = WatchRule("web", WatchAction.SYNC, str(source), "/app", initial_sync=True)
    watched = WatchedRules(model(service("web"), directory=tmp_path), (rule,))
    # A folder that is gone takes nothing from the container that was there before.
    assert watched.initial({"web"}) == ()
    source.mkdir()
    (source / "a.py").write_text("x")
    assert [edit.name for edit in watched.initial({"web"})] == ["src/a.py"]


def test_an_ignore_file_has_the_rules_read_again_and_what_we_keep_of_one_has_not(
    watched: WatchedRules, tmp_path: Path
) -> None:
    assert watched.outdated({str(tmp_path / "web/.dockerignore"): False})
    kept = tmp_path / "web/.composetasks/cache/contexts/web.dockerignore"
    assert not watched.outdated({str(kept): True})


def test_what_became_of_it_is_what_is_there(watched: WatchedRules, tmp_path: Path) -> None:
    there, gone = tmp_path / "web/src/a.py", tmp_path / "web/src/b.py"
    there.write_text("x")
    edits = watched.edits({str(there): False, str(gone): True})
    assert [edit.change for edit in edits] == ["modified", "removed"]
    assert watched.edits({str(there): True})[0].change == "added"


def test_a_folder_that_was_moved_in_is_all_that_is_in_it(
    watched: WatchedRules, tmp_path: Path
) -> None:
    (tmp_path / "web/src/new/er").mkdir(parents=True)
    (tmp_path / "web/src/new/er/a.py").write_text("x")
    os.symlink("/etc", tmp_path / "web/src/new/etc.py")
    names = [edit.name for edit in watched.edits({str(tmp_path / "web/src/new"): True})]
    assert sorted(names) == ["web/src/new/er/a.py", "web/src/new/etc.py"]


def test_what_is_written_in_one_go_is_one_batch_and_a_rename_is_seen(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.write_text("one")
    with Changes([str(folder), str(file), str(tmp_path / "later")], tmp_path) as changes:
        batches = iter(changes)
        for number in range(100):
            (folder / str(number)).write_text("x")
        assert len(set(next(batches)) - {str(folder)}) == 100
        (tmp_path / "new").write_text("two")
        (tmp_path / "new").rename(file)
        assert str(file) in next(batches)
        (tmp_path / "later").write_text("x")
        assert str(tmp_path / "later") in next(batches)


def test_a_name_that_is_not_utf8_neither_ends_the_watch_nor_hides_other_edits(
    tmp_path: Path,
) -> None:
    folder, odd = tmp_path / "folder", os.fsdecode(b"caf\xe9.txt")
    (folder / "deep").mkdir(parents=True)
    with Changes([str(folder)], tmp_path) as changes:
        batches = iter(changes)
        for number in range(3):
            (folder / odd).write_text("x")
            (folder / "deep" / str(number)).write_text("x")
            seen: set[str] = set()
            while not {str(folder / odd), str(folder / "deep" / str(number))} <= seen:
                seen |= next(batches).keys()
        (folder / odd).unlink()
        (folder / "last").write_text("x")
        while str(folder / "last") not in next(batches):
            pass


def test_what_git_writes_is_one_batch_however_long_it_takes(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    lock, folder = tmp_path / ".git/index.lock", tmp_path / "folder"
    folder.mkdir()
    lock.write_text("")

    def goes_on(path: str) -> None:
        """Write more once what was written before is told, and end after that."""
        if path.endswith("one"):
            (folder / "two").write_text("x")
        elif path.endswith("two"):
            lock.rename(tmp_path / ".git/index")
            (folder / "three").write_text("x")

    class Told(Changes):
        def _next(self, seconds: float | None) -> Batch:
            result = super()._next(seconds)
            for path in list(result):
                goes_on(path)
            return result

    with Told([str(folder)], tmp_path) as changes:
        (folder / "one").write_text("x")
        batch = next(iter(changes))
    assert {"one", "two", "three"} <= {Path(path).name for path in batch}
