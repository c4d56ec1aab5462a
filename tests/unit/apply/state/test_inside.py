"""The helper at work without a container: archives it reads and writes itself, what it removes
later, and what its threads do when something fails."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from composetasks.apply.inside import main, tree, wire
from composetasks.apply.inside.main import CommandHandler
from composetasks.apply.inside.read_ahead import CHUNK, CHUNKS_AHEAD, READ, Decompressed
from composetasks.apply.inside.unpack import BadArchive
from tests.unit.apply.state import trees


class Source:
    """Some bytes, and how many were read."""

    def __init__(self, content: bytes) -> None:
        self.left, self.read_bytes = content, 0

    def read(self, count: int) -> bytes:
        content, self.left = self.left[:count], self.left[count:]
        self.read_bytes += len(content)
        return content


# --- reading ahead --------------------------------------------------------------------------


def test_what_is_read_is_what_was_compressed_and_the_digest_is_of_all_of_it() -> None:
    content = os.urandom(3 * CHUNK + 7)
    compressed = zstandard.ZstdCompressor().compress(content)
    with Decompressed(Source(compressed)) as archive:
        parts = [archive.read(count) for count in (0, 1, 511, CHUNK, 2 * CHUNK + 7 - 512)]
        assert b"".join(parts) == content
        assert archive.digest() == hashlib.sha256(compressed).hexdigest()


@pytest.mark.parametrize("missing", [0, 1], ids=["at once", "in another piece"])
def test_what_follows_an_archive_is_refused_or_changes_its_digest(missing: int) -> None:
    compressed = zstandard.ZstdCompressor().compress(os.urandom(READ))
    longer = compressed + bytes((READ - len(compressed)) % READ + missing)
    with Decompressed(Source(longer)) as archive:
        try:
            archive.read(READ)
            assert archive.digest() != hashlib.sha256(compressed).hexdigest()
        except BadArchive:
            pass


def test_content_that_ends_too_early_is_refused() -> None:
    compressed = zstandard.ZstdCompressor().compress(bytes(100))
    with (
        Decompressed(Source(compressed)) as archive,
        pytest.raises(BadArchive, match="unexpected end"),
    ):
        archive.read(101)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x28\xb5\x2f\xfd"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with Decompressed(Source(content)) as archive, pytest.raises(BadArchive):
        archive.read(1)


def test_a_small_archive_of_much_is_not_held_in_memory_at_once() -> None:
    """Zeros are compressed to next to nothing: no more is decompressed than was asked for, and a
    few pieces ahead."""
    compressor = zstandard.ZstdCompressor().compressobj()
    pieces = [compressor.compress(bytes(1 << 20)) for _ in range(64)]
    with Decompressed(Source(b"".join([*pieces, compressor.flush()]))) as archive:
        assert archive.read(10) == bytes(10)
        assert archive._content.qsize() <= CHUNKS_AHEAD
        assert len(archive._now) <= CHUNK


def test_leaving_the_block_early_ends_the_thread() -> None:
    before = threading.active_count()
    source = Source(zstandard.ZstdCompressor(level=1).compress(os.urandom(40 * CHUNK)))
    with Decompressed(source) as archive:
        archive.read(1)
    assert threading.active_count() == before
    assert source.left


def test_what_the_source_raises_is_raised_where_it_is_read() -> None:
    class Broken:
        def read(self, count: int) -> bytes:
            raise wire.Closed

    with Decompressed(Broken()) as archive, pytest.raises(wire.Closed):
        archive.read(1)


# --- archives of its own --------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An asking side that is there until the test closes this descriptor, and hears nothing."""
    reading, writing = os.pipe()
    kept = os.dup(0)
    os.dup2(reading, 0)
    monkeypatch.setattr(main, "_send", lambda record: None)
    yield writing
    os.dup2(kept, 0)
    for opened in (kept, reading):
        os.close(opened)


ANY: dict[str, Any] = {"length": None, "special": True}
"""No limits on what an archive may hold."""


def opened(folder: Path, name: str, run: str = "run") -> CommandHandler:
    helper = CommandHandler()
    places: list[dict[str, Any]] = [{"mount": str(folder), "name": name, "number": 0}]
    said = helper.do_open(run, places, str(folder / "archives"))
    status = (folder / "archives").stat()
    assert said["archives"] == [status.st_dev, status.st_ino]
    return helper


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "archives").mkdir()
    trees.make(tmp_path / "state")
    if os.geteuid() != 0:
        (tmp_path / "state" / "closed").chmod(0o700)
    return tmp_path


def test_what_it_wrote_itself_comes_back_from_it(folder: Path, asked: int) -> None:
    before = trees.describe(folder / "state")
    said = opened(folder, "state").do_pack_here(0, 3, 2, "one.tar.zst")
    written = (folder / "archives" / "one.tar.zst").read_bytes()
    assert (folder / "archives" / "one.tar.zst").stat().st_mode & 0o777 == 0o600
    assert (said["compressed"], said["sha256"]) == (
        len(written),
        hashlib.sha256(written).hexdigest(),
    )
    (folder / "state" / "plain").write_text("other")
    helper = opened(folder, "state", "later")
    assert helper.do_prepare_content_here(0, "one.tar.zst", **ANY) == {"sha256": said["sha256"]}
    helper.do_commit()
    helper.do_settle(60)
    assert trees.describe(folder / "state") == before
    os.close(asked)


def test_an_archive_that_is_there_is_not_written_over(folder: Path, asked: int) -> None:
    (folder / "archives" / "one").write_text("kept")
    (folder / "archives" / "link").symlink_to(folder / "outside")
    for name in ("one", "link"):
        with pytest.raises(FileExistsError):
            opened(folder, "state").do_pack_here(0, 3, 2, name)
    assert (folder / "archives" / "one").read_text() == "kept"
    assert not (folder / "outside").exists()
    os.close(asked)


def test_an_archive_that_is_a_link_or_gone_is_refused(folder: Path, asked: int) -> None:
    (folder / "archives" / "link").symlink_to(folder / "state" / "plain")
    before = trees.describe(folder / "state")
    for name in ("link", "gone"):
        helper = opened(folder, "state", name)
        with pytest.raises(BadArchive, match="can't be read"):
            helper.do_prepare_content_here(0, name, **ANY)
        helper.give_up()
    assert trees.describe(folder / "state") == before
    os.close(asked)


def test_an_archive_ends_where_its_manifest_says(folder: Path, asked: int) -> None:
    before = trees.describe(folder / "state")
    said = opened(folder, "state").do_pack_here(0, 3, 2, "one.tar.zst")
    helper = opened(folder, "state", "later")
    with pytest.raises(BadArchive, match="more than its manifest says"):
        helper.do_prepare_content_here(0, "one.tar.zst", length=said["length"] - 1, special=True)
    helper.give_up()
    helper = opened(folder, "state", "again")
    helper.do_prepare_content_here(0, "one.tar.zst", length=said["length"], special=True)
    helper.give_up()
    assert trees.describe(folder / "state") == before
    os.close(asked)


def test_what_is_special_is_counted_and_refused_where_it_may_not_be(
    folder: Path, asked: int
) -> None:
    for path in (folder / "state").rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o600)
    program = folder / "state" / "program"
    program.write_text("x")
    plain = opened(folder, "state").do_pack_here(0, 3, 2, "plain.tar.zst")["special"]
    program.chmod(0o4755)
    assert opened(folder, "state").do_pack_here(0, 3, 2, "one.tar.zst")["special"] == plain + 1
    helper = opened(folder, "state", "later")
    with pytest.raises(BadArchive, match="elevated privileges"):
        helper.do_prepare_content_here(0, "one.tar.zst", length=None, special=False)
    helper.give_up()
    assert program.stat().st_mode & 0o4000
    os.close(asked)


def test_when_nobody_waits_any_more_it_stops_and_removes_what_it_prepared(
    folder: Path, asked: int
) -> None:
    opened(folder, "state").do_pack_here(0, 3, 2, "one.tar.zst")
    before = trees.describe(folder / "state")
    os.close(asked)
    with pytest.raises(wire.Closed):
        opened(folder, "state").do_pack_here(0, 3, 2, "two.tar.zst")
    helper = opened(folder, "state", "later")
    with pytest.raises(wire.Closed):
        helper.do_prepare_content_here(0, "one.tar.zst", **ANY)
    helper.give_up()
    assert trees.describe(folder / "state") == before
    assert sorted(path.name for path in folder.iterdir()) == ["archives", "state"]


# --- removing -------------------------------------------------------------------------------


def test_a_removal_goes_on_when_nobody_waits_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    remove = tree.remove

    def slowly(opened: int, name: bytes) -> None:
        go_on.wait(60)
        remove(opened, name)

    monkeypatch.setattr(tree, "remove", slowly)
    helper = opened(folder, "state")
    helper.do_prepare_empty(0)
    helper.do_commit()
    assert list((folder / "state").iterdir()) == []
    assert helper.do_settle(0) == {"left": [], "unfinished": True}
    assert (folder / ".composetasks-run-0" / "content" / "plain").exists()
    go_on.set()
    helper.give_up()
    assert sorted(path.name for path in folder.iterdir()) == ["archives", "state"]


def test_what_another_helper_still_removes_is_left_to_it(folder: Path) -> None:
    for name in ("cafe-0", "cafe1-0", "beef-1"):
        (folder / f".composetasks-{name}" / "content").mkdir(parents=True)
    removed = opened(folder, "state").do_clean(["cafe"])["removed"]
    assert sorted(removed) == [".composetasks-beef-1", ".composetasks-cafe1-0"]
    left = [path.name for path in folder.iterdir() if path.name.startswith(".composetasks-")]
    assert left == [".composetasks-cafe-0"]
