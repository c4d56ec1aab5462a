"""Memories come back as they were kept, and anything unexpected is nothing."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from composetasks.store import cache_entry, files

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
NOBODY = 65534


@pytest.mark.parametrize("value", [{}, {"a": [1, "☕", None]}, {"name": "caf\udce9"}])
def test_what_is_kept_comes_back(tmp_path: Path, value: dict[str, object]) -> None:
    place = tmp_path / "some" / "memory"
    assert cache_entry.save(place, value)
    assert cache_entry.load(place, cache_entry.as_mapping) == value
    assert place.stat().st_mode & 0o777 == 0o600
    assert list(place.parent.iterdir()) == [place]


def test_of_several_the_first_counts(tmp_path: Path) -> None:
    assert cache_entry.save_first(tmp_path / "key", "one")
    assert not cache_entry.save_first(tmp_path / "key", "two")
    assert cache_entry.load(tmp_path / "key", str) == "one"
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


def with_checksum(body: bytes) -> bytes:
    return b"composetasks memory %08x\n" % zlib.crc32(body) + body


def bad_byte(data: bytes) -> bytes:
    return data[:-9] + b"\x00" + data[-8:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _data: b"",
        lambda _data: b"\xff\xfe garbage",
        lambda _data: b"{}",
        lambda _data: b"[" * 100_000,
        lambda _data: with_checksum(b"[" * 100_000),
        lambda _data: with_checksum(b'["another shape"]'),
        lambda _data: with_checksum(b'{"name": {"another": 1}}'),
        lambda _data: with_checksum(b"1" * 10_000),
        lambda data: data[:-1],
        lambda data: data + b" ",
        bad_byte,
    ],
)
def test_anything_unexpected_is_nothing(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    place = tmp_path / "memory"
    cache_entry.save(place, {"name": "x" * 50})
    place.write_bytes(damage(place.read_bytes()))
    assert cache_entry.load(place, cache_entry.as_texts) is None
    assert cache_entry.save(place, {"name": "later"})
    assert cache_entry.load(place, cache_entry.as_texts) == {"name": "later"}


def test_a_link_a_pipe_and_a_folder_are_nothing(tmp_path: Path) -> None:
    cache_entry.save(tmp_path / "theirs", {})
    (tmp_path / "link").symlink_to("theirs")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        assert cache_entry.load(tmp_path / name, cache_entry.as_mapping) is None
    assert cache_entry.save(tmp_path / "link", {"mine": True})
    assert not (tmp_path / "link").is_symlink()
    assert cache_entry.load(tmp_path / "theirs", cache_entry.as_mapping) == {}
    assert not cache_entry.save(tmp_path / "folder", {})
    assert {path.name for path in tmp_path.iterdir()} == {"theirs", "link", "pipe", "folder"}


def test_what_can_not_be_written_is_done_without(tmp_path: Path) -> None:
    assert not cache_entry.save(tmp_path / "no" / "cache" / "memory", {})
    (tmp_path / "file").touch()
    assert not cache_entry.save(tmp_path / "file" / "memory", {})
    assert not cache_entry.save_first(tmp_path / "file" / "memory", {})


@AS_ROOT
def test_the_file_of_another_user_is_nothing(tmp_path: Path) -> None:
    cache_entry.save(tmp_path / "memory", {})
    os.chown(tmp_path / "memory", NOBODY, NOBODY)
    assert cache_entry.load(tmp_path / "memory", cache_entry.as_mapping) is None


@AS_ROOT
def test_root_reads_what_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    cache_entry.save(tmp_path / "memory", {})
    for path in (tmp_path, tmp_path / "memory"):
        os.chown(path, NOBODY, NOBODY)
    assert cache_entry.load(tmp_path / "memory", cache_entry.as_mapping) == {}


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(tmp_path / "a", json.dumps(1).encode())

    def refused(_old: str, _new: Path) -> None:
        raise OSError("refused")

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OSError, match="refused"):
        files.write(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
