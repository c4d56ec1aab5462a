"""What is kept in ``.composetasks/``."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from composetasks.store import files, folder
from composetasks.store.folder import KEPT_RUNS, OwnFolder, elsewhere, read_json, write_json


def test_it_ignores_itself(tmp_path: Path) -> None:
    kept = OwnFolder(tmp_path / ".composetasks", tmp_path / ".composetasks" / "cache")
    kept.make()
    kept.make()
    assert (kept.root / ".gitignore").read_text() == "*\n"


def test_a_full_disk_is_told_with_the_file_that_could_not_be_written(tmp_path: Path) -> None:
    own = OwnFolder(tmp_path / "own", tmp_path / "own" / "cache")
    own.root.mkdir()
    ignore = own.root / ".gitignore"
    ignore.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as raised:
        own.make()
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(ignore))


def test_the_last_runs_are_kept(tmp_path: Path) -> None:
    kept = OwnFolder(tmp_path, tmp_path / "cache")
    kept.make()
    runs = [kept.new_run("up") for _ in range(KEPT_RUNS + 3)]
    assert sorted(kept.runs.iterdir()) == runs[3:]


def test_a_run_made_after_the_clock_was_set_back_is_still_the_last(tmp_path: Path) -> None:
    kept = OwnFolder(tmp_path, tmp_path / "cache")
    kept.make()
    for number in range(KEPT_RUNS):
        (kept.runs / f"21261126T0347{number:02d}.000000Z-up").mkdir()
    run = kept.new_run("down")
    assert sorted(kept.runs.iterdir())[-1] == run
    assert run.name == "21261126T034719.000001Z-down"
    assert kept.new_run("up").name == "21261126T034719.000002Z-up"


def test_documents_are_for_their_owner_only_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    write_json(path, {"a": 1})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
    path.write_text('{"torn":')
    assert read_json(path) is None
    assert read_json(tmp_path / "none.json") is None


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The places that are tried one after the other: the user's caches, and two of everybody."""
    results = [tmp_path / name for name in ("caches", "one", "two")]
    for place in results:
        place.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(results[0]))
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(folder, "EVERYBODYS", tuple(map(str, results[1:])))
    return results


def fill(full: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    draft = files.draft

    def refusing(path: Path, data: bytes) -> str:
        if any(place in path.parents for place in full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return draft(path, data)

    monkeypatch.setattr(files, "draft", refusing)


@pytest.mark.parametrize("full", range(3))
def test_elsewhere_is_the_first_place_with_room_and_the_same_each_time(
    tmp_path: Path, places: list[Path], full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(places[:full], monkeypatch)
    result = elsewhere(tmp_path)
    assert result is not None
    assert places[full] in result.root.parents
    assert elsewhere(tmp_path) == result
    assert result.runs.is_dir()


def test_where_there_is_room_nowhere_there_is_no_elsewhere(
    tmp_path: Path, places: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(places, monkeypatch)
    assert elsewhere(tmp_path) is None


@pytest.mark.parametrize("kind", ["a link", "open to others"])
def test_what_somebody_else_may_have_laid_out_is_not_used(
    tmp_path: Path, places: list[Path], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(places[:1], monkeypatch)
    laid = places[1] / f"composetasks-{os.geteuid()}"
    if kind == "a link":
        (tmp_path / "aim").mkdir()
        laid.symlink_to(tmp_path / "aim")
    else:
        laid.mkdir()
        laid.chmod(0o777)
    result = elsewhere(tmp_path)
    assert result is not None
    assert places[2] in result.root.parents


@pytest.mark.parametrize("name", ["HOME", "XDG_CACHE_HOME"])
def test_a_place_that_can_not_be_looked_at_is_passed_over(
    tmp_path: Path, places: list[Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root's HOME can't by another user who was left with it, nor a name that is too long."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(name, str(tmp_path / ("x" * 300) / "caches"))
    result = elsewhere(tmp_path)
    assert result is not None
    assert places[1] in result.root.parents


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away takes root")
def test_nothing_is_made_in_another_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a `sudo` that keeps HOME: that user could not write to it."""
    home, project, own = tmp_path / "home", tmp_path / "project", tmp_path / "own"
    for place in (home, project, own):
        place.mkdir()
    os.chown(home, 65534, 65534)
    for name in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(own))
    result = elsewhere(project)
    assert result is not None
    assert own in result.root.parents
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "caches"))
    assert elsewhere(project) == result
    assert list(home.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away takes root")
def test_what_root_makes_is_handed_to_the_projects_owner_but_not_what_services_wrote(
    tmp_path: Path,
) -> None:
    root = tmp_path / ".composetasks"
    place = root / "instances" / "one"
    for name in ("state/data", "volumes/pg", "runs"):
        (place / name).mkdir(parents=True)
        (place / name / "file").touch()
    os.chown(tmp_path, 65534, 65534)
    folder.hand_over(root)
    owned = {str(one.relative_to(place)): one.stat().st_uid for one in place.rglob("file")}
    assert owned == {"state/data/file": 0, "volumes/pg/file": 0, "runs/file": 65534}
