"""A snapshot is there whole or not at all, and tells when it was changed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from composetasks.store import snapshot_folder

CONTENT = b"an archive" * 500


def write(place: Path, name: str, key: bytes = b"", state: str = "state/points") -> Path:
    with snapshot_folder.writing(place, name) as new:
        file = new / snapshot_folder.archive_name(0, state)
        file.write_bytes(CONTENT)
        part = {
            "name": state,
            "kind": "folder",
            "source": "state/points",
            "file": file.name,
            "bytes": 7,
            "files": 1,
            "compressed": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
        }
        document = {
            "name": name,
            "created": "2026-01-31T12:00:00.000Z",
            "project": "shop",
            "parts": [part],
            "images": {"db": {"id": "sha256:db", "tags": ["postgres:15"]}},
        }
        return snapshot_folder.finish(new, document, key)


def test_what_is_written_is_listed(tmp_path: Path) -> None:
    write(tmp_path / "snapshots", "before")
    [result] = snapshot_folder.load_all(tmp_path / "snapshots")
    assert (result.name, result.bytes, result.problem) == ("before", len(CONTENT), "")
    assert [(one.name, one.bytes) for one in result.state] == [("state/points", 7)]
    assert result.images == {"db": "sha256:db"}
    assert snapshot_folder.verify(tmp_path / "snapshots", "before")["project"] == "shop"


@pytest.mark.parametrize(
    "name",
    ["no-break\xa0space", "wide\u3000space", "family \U0001f468\u200d\U0001f467", "a\nb", "\udce9"],
)
def test_state_may_be_called_anything(tmp_path: Path, name: str) -> None:
    write(tmp_path, "before", state=name)
    [result] = snapshot_folder.load_all(tmp_path)
    assert (result.state[0].name, result.problem) == (name, "")
    assert snapshot_folder.verify(tmp_path, "before")["parts"][0]["name"] == name


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    place = write(tmp_path / "snapshots", "before")
    assert place.stat().st_mode & 0o777 == 0o700
    assert (place / "manifest.json").stat().st_mode & 0o777 == 0o600


def test_an_unfinished_one_is_not_there(tmp_path: Path) -> None:
    def interrupted() -> None:
        with snapshot_folder.writing(tmp_path, "half") as new:
            (new / "00-x.tar.zst").write_bytes(CONTENT)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_is_swept_by_the_next(tmp_path: Path) -> None:
    (tmp_path / f"{snapshot_folder.UNFINISHED}half").mkdir()
    assert snapshot_folder.load_all(tmp_path) == ()
    write(tmp_path, "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("file", ["manifest.json", "00-state-points.tar.zst"])
def test_a_flipped_bit_anywhere_is_found(tmp_path: Path, file: str) -> None:
    place = write(tmp_path, "before")
    whole = (place / file).read_bytes()
    for offset in range(0, len(whole), max(1, len(whole) // 150)):
        changed = bytearray(whole)
        changed[offset] ^= 0x04
        (place / file).write_bytes(changed)
        if file == "manifest.json" and whole[offset : offset + 1].isspace():
            continue  # white space between JSON's words means nothing
        with pytest.raises(snapshot_folder.Damaged):
            snapshot_folder.verify(tmp_path, "before")
    (place / file).write_bytes(whole)
    snapshot_folder.verify(tmp_path, "before")


def test_a_missing_and_a_short_archive_are_seen_without_reading(tmp_path: Path) -> None:
    place = write(tmp_path, "before")
    os.truncate(place / "00-state-points.tar.zst", 10)
    assert "another size" in snapshot_folder.load(tmp_path, "before").problem
    (place / "00-state-points.tar.zst").unlink()
    assert "missing" in snapshot_folder.load(tmp_path, "before").problem


def test_a_folder_that_is_no_snapshot_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    [result] = snapshot_folder.load_all(tmp_path)
    assert "manifest" in result.problem


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", ".hidden", "x" * 101, "a b"])
def test_names_that_are_no_folder_of_their_own_are_none(name: str) -> None:
    assert snapshot_folder.NAME.fullmatch(name) is None


def test_who_made_it_is_known_by_a_key(tmp_path: Path) -> None:
    place = write(tmp_path, "mine", b"k" * 32)
    assert [one.made_here for one in snapshot_folder.load_all(tmp_path, b"k" * 32)] == [True]
    for key in (b"", b"x" * 32):
        assert [one.made_here for one in snapshot_folder.load_all(tmp_path, key)] == [False]
    document = json.loads((place / "manifest.json").read_text())
    del document["sha256"]
    document["parts"][0]["bytes"] = 8
    document["sha256"] = snapshot_folder.seal(document)
    (place / "manifest.json").write_text(json.dumps(document))
    [result] = snapshot_folder.load_all(tmp_path, b"k" * 32)
    assert (result.state[0].bytes, result.made_here, result.problem) == (8, False, "")


@pytest.mark.parametrize(
    "change",
    [
        {"created": "\x1b[31m"},
        {"created": "yesterday"},
        {"parts": [{"name": None}]},
        {"parts": 3},
        {"images": {"db": None}},
    ],
    ids=str,
)
def test_a_bad_one_hides_no_other(tmp_path: Path, change: dict[str, object]) -> None:
    write(tmp_path, "good")
    document = json.loads((write(tmp_path, "bad") / "manifest.json").read_text())
    if isinstance(change.get("parts"), list):
        document["parts"][0]["name"] = None
    else:
        document |= change
    del document["sha256"]
    document["sha256"] = snapshot_folder.seal(document)
    (tmp_path / "bad" / "manifest.json").write_text(json.dumps(document))
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "manifest.json")
    results = {one.name: bool(one.problem) for one in snapshot_folder.load_all(tmp_path)}
    assert results == {"good": False, "bad": True, "folder": True, "file": True, "pipe": True}
