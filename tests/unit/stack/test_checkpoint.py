from __future__ import annotations

import re
from pathlib import Path

import pytest

from processing.checkpoint import CutCheckpoint, committed, misfit


def checkpoint(folder: Path, offsets: dict[int, int], done: int) -> Path:
    """A checkpoint as Spark writes it: batches with an end offset each, the first `done` done."""
    for name in ("offsets", "commits"):
        (folder / name).mkdir()
    for number, end in offsets.items():
        text = f'v1\n{{"batchWatermarkMs":0}}\n{{"posts":{{"0":{end},"1":5}}}}'
        (folder / "offsets" / str(number)).write_text(text)
        (folder / "offsets" / f".{number}.crc").write_text("")
        if number < done:
            (folder / "commits" / str(number)).write_text('v1\n{"nextBatchWatermarkMs":0}')
            (folder / "commits" / f".{number}.crc").write_text("")
    return folder


def test_a_new_checkpoint_has_read_nothing(tmp_path: Path) -> None:
    assert committed(tmp_path / "none", "posts") == {}
    assert committed(checkpoint(tmp_path, {0: 32}, done=0), "posts") == {}


def test_the_stream_goes_on_after_the_last_batch_that_was_done(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, {8: 300, 9: 332, 10: 364}, done=10)
    assert committed(folder, "posts") == {0: 332, 1: 5}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("offsets/10", ""),
        ("offsets/9", ""),
        ("offsets/9", "v1\n"),
        ("offsets/9", 'v1\n{"batchWatermarkMs":0}'),
        ("offsets/9", 'v1\n{"batchWatermarkMs":0}\n{"posts":{"0":3'),
        ("offsets/9", "v1\n{}\n[]"),
        ("commits/9", ""),
        ("commits/9", "v1"),
        ("commits/9", "v1\n{"),
        ("commits/9", "\0\0\0"),
    ],
)
def test_a_file_that_is_cut_is_named(tmp_path: Path, name: str, content: str) -> None:
    folder = checkpoint(tmp_path, {8: 300, 9: 332, 10: 364}, done=10)
    (folder / name).write_text(content)
    with pytest.raises(CutCheckpoint, match=re.escape(name)):
        committed(folder, "posts")


def test_offsets_that_are_missing_are_named(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, {9: 332}, done=10)
    (folder / "offsets" / "9").unlink()
    with pytest.raises(CutCheckpoint, match="offsets/9 is missing"):
        committed(folder, "posts")


def test_a_topic_that_holds_what_is_still_to_come_fits() -> None:
    assert misfit({0: 32}, first={0: 0}, end={0: 40}) is None
    assert misfit({0: 32}, first={0: 32}, end={0: 32}) is None
    assert misfit({}, first={0: 7}, end={0: 40}) is None
    assert misfit({0: 32}, first={0: 0, 1: 0}, end={0: 40, 1: 3}) is None


def test_messages_that_are_gone_before_they_were_scored_are_counted() -> None:
    assert misfit({0: 32}, first={0: 40}, end={0: 50}) == (
        "8 messages of partition 0 are gone that were not yet scored"
    )


def test_a_topic_that_was_set_back_is_told() -> None:
    assert misfit({0: 32}, first={0: 0}, end={0: 10}) == (
        "partition 0 ends at 10, but 32 messages of it were scored already"
    )


def test_a_partition_that_is_no_more_is_told() -> None:
    assert misfit({1: 3}, first={0: 0}, end={0: 10}) == (
        "partition 1 ends at 0, but 3 messages of it were scored already"
    )
