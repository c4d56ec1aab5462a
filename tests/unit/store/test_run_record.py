"""The record of a run, on a disk that is full."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from composetasks.store.run_record import log_file


def test_a_log_is_added_to(tmp_path: Path) -> None:
    for text in ("a\n", "b \ud800\n"):
        with log_file(tmp_path / "build.log") as log:
            log.write(text)
    assert (tmp_path / "build.log").read_text() == "a\nb \\ud800\n"


def test_a_log_without_room_ends_nothing() -> None:
    with log_file(Path("/dev/full")) as log:
        for _ in range(3):
            log.write("x" * io.DEFAULT_BUFFER_SIZE * 2)
            log.flush()


def test_a_log_that_may_not_be_written_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        log_file(tmp_path)
