"""Changes of files, while what is watched becomes something else."""

from __future__ import annotations

from pathlib import Path

from composetasks.observe.watch.changes import Changes


def test_what_was_changed_before_other_paths_are_watched_is_told_all_the_same(
    tmp_path: Path,
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    with Changes([str(before)], tmp_path) as changes:
        (before / "one").write_text("1")
        changes.move([str(after)])
        (after / "two").write_text("2")
        told: set[str] = set()
        for batch in changes:
            told |= batch.keys()
            if {str(before / "one"), str(after / "two")} <= told:
                break
