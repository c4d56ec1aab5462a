"""What is kept in ``.composetasks/``."""

from __future__ import annotations

import stat
from pathlib import Path

from composetasks.store.folder import KEPT_RUNS, Folder, read_json, write_json


def test_it_ignores_itself(tmp_path: Path) -> None:
    kept = Folder(tmp_path / ".composetasks", tmp_path / ".composetasks" / "cache")
    kept.make()
    kept.make()
    assert (kept.root / ".gitignore").read_text() == "*\n"


def test_the_last_runs_are_kept(tmp_path: Path) -> None:
    kept = Folder(tmp_path, tmp_path / "cache")
    kept.make()
    runs = [kept.new_run("up") for _ in range(KEPT_RUNS + 3)]
    assert sorted(kept.runs.iterdir()) == runs[3:]


def test_a_run_made_after_the_clock_was_set_back_is_still_the_last(tmp_path: Path) -> None:
    kept = Folder(tmp_path, tmp_path / "cache")
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
