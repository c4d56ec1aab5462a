"""A replacement that is killed at any point leaves what was there, or all of the new."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composetasks.apply.inside import replace, tree
from composetasks.apply.inside.main import CommandHandler

KILLED = 99


def open_places(folder: Path, *, whole: bool) -> CommandHandler:
    """A helper at two places: folders within a mounted one, or mounted themselves."""
    helper = CommandHandler()
    places = [
        {
            "mount": str(folder if whole else folder / name),
            "name": name if whole else "",
            "number": number,
        }
        for number, name in enumerate(("a", "b"))
    ]
    helper.do_open("run", places)
    return helper


def make(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name / "inner").mkdir(parents=True)
        (folder / name / "inner" / "file").write_text("old")
        (folder / name / "top").write_text("old")
        (folder / name).chmod(0o750)


def replace_all(helper: CommandHandler) -> None:
    """New content in both places, by the helper's own steps."""
    for place in helper.places:
        helper.staged.append(place)
        content = place.prepare()
        for name in ("top", "more"):
            file = os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=content)
            os.write(file, b"new")
            os.close(file)
        os.fchmod(content, 0o711)
        os.close(content)
    helper.do_commit()
    assert helper.do_settle(60) == {"left": [], "unfinished": False}


def content(folder: Path) -> dict[str, Any]:
    """All that is in a folder, what a replacement left unfinished too."""
    results: dict[str, Any] = {"": oct(folder.stat().st_mode & 0o777)}
    for path in sorted(folder.rglob("*")):
        results[str(path.relative_to(folder))] = path.read_text() if path.is_file() else None
    return results


def in_child(work: Callable[[], None], dies_at: int) -> int:
    """Do work in a process that is gone at its ``dies_at``-th call that may change a file.

    Python announces each before it is made (sys.addaudithook).
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    calls = 0

    def count(event: str, _arguments: object) -> None:
        nonlocal calls
        if event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "open", "ctypes.dlsym"):
            calls += 1
            if calls == dies_at:
                os._exit(KILLED)

    try:
        sys.addaudithook(count)
        work()
    except BaseException:  # noqa: BLE001 (a child of a test ends here, whatever happened)
        os._exit(1)
    os._exit(0)


@pytest.mark.parametrize("whole", [True, False], ids=["exchanged", "moved"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_killed_at_any_call_it_is_old_or_new_in_all_places(tmp_path: Path, whole: bool) -> None:
    outcomes = set()
    number = 0
    code = KILLED
    while code == KILLED:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        make(folder)
        old = content(folder)
        helper = open_places(folder, whole=whole)
        code = in_child(lambda helper=helper: replace_all(helper), number)  # type: ignore[misc]
        open_places(folder, whole=whole).do_recover(in_use=False)
        now = content(folder)
        is_new = now["a/top"] == "new"
        assert (now == old) is not is_new, f"killed at call {number}: {now}"
        if is_new:
            assert (now["a/more"], now["b/more"]) == ("new", "new")
            assert not any("inner" in name or "composetasks" in name for name in now)
            assert (folder / "b").stat().st_mode & 0o777 == 0o711
        outcomes.add(is_new)
    assert code == 0
    assert outcomes == {True, False}
    assert number > 15


@pytest.mark.parametrize("whole", [True, False], ids=["exchanged", "moved"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_putting_back_can_be_killed_and_done_again(tmp_path: Path, whole: bool) -> None:
    number = 0
    code = KILLED
    while code == KILLED:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        make(folder)
        old = content(folder)
        helper = open_places(folder, whole=whole)
        stop_before_the_end(helper)
        again = open_places(folder, whole=whole)
        code = in_child(lambda again=again: again.do_recover(in_use=False), number)  # type: ignore[misc]
        open_places(folder, whole=whole).do_recover(in_use=False)
        assert content(folder) == old, f"killed at call {number}"
    assert code == 0


def stop_before_the_end(helper: CommandHandler) -> None:
    """As if killed after both exchanges, and before the note that says so."""
    for place in helper.places:
        os.close(place.prepare())
    for place in helper.places:
        place.arm()
    for place in helper.places:
        place.commit()


def test_where_one_place_fails_all_are_put_back(tmp_path: Path) -> None:
    make(tmp_path)
    old = content(tmp_path)
    helper = open_places(tmp_path, whole=True)
    for place in helper.places:
        helper.staged.append(place)
        os.close(place.prepare())
    stage = os.fsdecode(helper.places[1].stage)
    (tmp_path / stage / "content").rmdir()
    with pytest.raises(OSError, match="No such file"):
        helper.do_commit()
    helper.give_up()
    assert content(tmp_path) == old


def test_nothing_is_put_back_under_what_runs(tmp_path: Path) -> None:
    make(tmp_path)
    helper = open_places(tmp_path, whole=True)
    stop_before_the_end(helper)
    now = content(tmp_path)
    with pytest.raises(OSError, match="a container is running on it"):
        open_places(tmp_path, whole=True).do_recover(in_use=True)
    assert content(tmp_path) == now


def test_a_place_that_was_not_there_is_made_and_unmade(tmp_path: Path) -> None:
    mount = os.open(tmp_path, tree.FOLDER)
    place = replace.Place(mount, b"new", tree.STAGE + b"run-0")
    os.close(place.prepare())
    place.arm()
    place.commit()
    assert (tmp_path / "new").is_dir()
    assert place.undo()
    place.settle()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_place_keeps_owner_mode_and_attributes(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "a").chmod(0o2770)
    helper = open_places(tmp_path, whole=True)
    helper.do_prepare_empty(0)
    helper.do_commit()
    assert helper.do_settle(60) == {"left": [], "unfinished": False}
    assert list((tmp_path / "a").iterdir()) == []
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o2770
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_removing_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "tree" / "link").symlink_to("../outside")
    mount = os.open(tmp_path, tree.FOLDER)
    tree.remove(mount, b"tree")
    assert (tmp_path / "outside" / "kept").read_text() == "kept"
    assert not (tmp_path / "tree").exists()


def test_a_tree_deeper_than_a_path_may_be_is_removed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    folder = os.open(tmp_path / "tree", tree.FOLDER)
    for _ in range(50):
        os.mkdir("deep" * 50, dir_fd=folder)
        inner = os.open("deep" * 50, tree.FOLDER, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    mount = os.open(tmp_path, tree.FOLDER)
    assert tree.measure(os.open(tmp_path / "tree", tree.FOLDER))["folders"] == 50
    tree.remove(mount, b"tree")
    assert not (tmp_path / "tree").exists()
