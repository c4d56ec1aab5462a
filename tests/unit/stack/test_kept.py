from __future__ import annotations

import os
from pathlib import Path

import pytest
from supervisor import kept
from supervisor.source import Source

CODE = Source({"__init__.py": b"", "a.py": b"x = '\xff\r\n'", "b.py": b"import a\n"})


def test_what_is_kept_is_read_and_replaced(tmp_path: Path) -> None:
    assert kept.read(tmp_path / "state") is None
    kept.write(tmp_path / "state", CODE)
    assert kept.read(tmp_path / "state") == CODE
    other = Source({"a.py": b""})
    kept.write(tmp_path / "state", other)
    assert kept.read(tmp_path / "state") == other
    assert os.listdir(tmp_path / "state") == [kept.FILE]


def test_a_copy_that_is_cut_or_changed_is_never_taken_for_code(tmp_path: Path) -> None:
    kept.write(tmp_path, CODE)
    whole = (tmp_path / kept.FILE).read_bytes()
    for place in range(len(whole)):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        for content in (whole[:place], changed):
            (tmp_path / kept.FILE).write_bytes(content)
            assert kept.read(tmp_path) is None


def test_what_is_kept_stays_where_new_code_can_not_be_written(tmp_path: Path) -> None:
    kept.write(tmp_path, CODE)
    (tmp_path / f"{kept.FILE}.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        kept.write(tmp_path, Source({"a.py": b""}))
    assert kept.read(tmp_path) == CODE
