"""Folders listed to see whether they are as they were, by one process or by two."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from composetasks.observe.images import listings
from composetasks.observe.images.folders import list_folder, mark
from composetasks.observe.images.listings import Listings, Unreadable
from composetasks.run.process import Running

NAMES = (b"a", b"b", b"odd \xff\n, name", b"gr\xc3\xb6\xc3\x9fe", b"a/b", b"last")


class Tree:
    """Some folders, as they were listed before, and which of them are listed by this process."""

    def __init__(self, place: Path) -> None:
        self.folders = [str(place / os.fsdecode(name)) for name in NAMES]
        for path in self.folders:
            os.makedirs(path, exist_ok=True)
            (Path(path) / os.fsdecode(b"file \xff")).touch()
        self.before = {path: list_folder(path) for path in self.folders}
        self.listed: list[str] = []

    @property
    def marks(self) -> dict[str, str]:
        return {path: mark(listing) for path, listing in self.before.items()}

    def list_folder(self, path: str) -> str:
        self.listed.append(path)
        return list_folder(path)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree = Tree(tmp_path)
    monkeypatch.setattr(listings, "list_folder", tree.list_folder)
    return tree


@pytest.fixture(params=["the first process", "the second process"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who lists all folders but the first."""
    waited = request.param == "the second process"
    monkeypatch.setattr(listings, "_printed", _printed if waited else lambda _: ())
    monkeypatch.setattr(listings, "ALONE_SECONDS", -1)
    return str(request.param)


def _printed(another: Running) -> list[str]:
    return [line.text for line in another if line.stream == "stdout"]


def test_where_it_takes_long_a_second_process_lists_folders_too(tree: Tree, by: str) -> None:
    assert Listings().hold(tree.marks)
    assert tree.listed == tree.folders[: len(NAMES) if by == "the first process" else 1]


@pytest.mark.parametrize(("many", "alone"), [(len(NAMES), 1), (len(NAMES) + 1, len(NAMES))])
def test_of_many_folders_a_second_process_lists_some_from_the_beginning(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, many: int, alone: int
) -> None:
    monkeypatch.setattr(listings, "_printed", _printed)
    monkeypatch.setattr(listings, "ALONE_SECONDS", 1000)
    monkeypatch.setattr(listings, "MANY_FOLDERS", many)
    assert Listings().hold(tree.marks)
    assert tree.listed == tree.folders[:alone]


@pytest.mark.usefixtures("by")
@pytest.mark.parametrize("number", range(len(NAMES)))
def test_an_edit_is_seen_whoever_lists_its_folder(tree: Tree, number: int) -> None:
    path = tree.folders[number]
    (Path(path) / "file").touch()
    seen = Listings()
    assert not seen.hold(tree.marks)
    assert seen.listing(path, tree.before[path]) == list_folder(path) != tree.before[path]


@pytest.mark.usefixtures("by")
def test_a_folder_that_can_not_be_listed_any_more_changed(tree: Tree) -> None:
    path = tree.folders[-1]
    shutil.rmtree(path)
    assert not Listings().hold(tree.marks)
    assert Listings().hold({**tree.marks, path: mark("")})
    Path(path).touch()
    seen = Listings()
    assert not seen.hold(tree.marks)
    with pytest.raises(Unreadable, match="/last: Not a directory"):
        seen.listing(path, tree.before[path])


def test_two_processes_meet(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "ALONE_SECONDS", -1)
    for _ in range(5):
        assert Listings().hold(tree.marks)


@pytest.mark.parametrize("program", ["/nonexistent/python", "false"])
def test_without_a_second_process_one_lists_them_all(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(listings, "ALONE_SECONDS", -1)
    monkeypatch.setattr("sys.executable", program)
    assert Listings().hold(tree.marks)
    assert tree.listed == tree.folders


def test_a_folder_that_is_as_it_was_is_not_listed_again(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Listings()
    assert seen.hold(tree.marks)
    monkeypatch.setattr(listings, "list_folder", lambda path: pytest.fail(f"{path} again"))
    assert [seen.listing(path, tree.before[path]) for path in tree.folders] == [
        *tree.before.values()
    ]
    assert seen.hold(tree.marks)


def test_a_folder_that_changed_is_listed_once(tree: Tree) -> None:
    seen, path = Listings(), tree.folders[0]
    (Path(path) / "file").touch()
    assert not seen.hold(tree.marks)
    assert seen.listing(path, tree.before[path]) == list_folder(path)
    assert tree.listed.count(path) == 1


def test_what_is_remembered_of_another_state_is_listed(tree: Tree) -> None:
    seen, path = Listings(), tree.folders[0]
    assert seen.hold(tree.marks)
    assert seen.listing(path, "another") == tree.before[path]
    assert Listings().listing(path, "another") == tree.before[path]
