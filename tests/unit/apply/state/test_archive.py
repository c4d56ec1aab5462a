"""What a snapshot keeps of a tree, and what it refuses to make of an archive."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composetasks.apply.inside import tree
from composetasks.apply.inside.pack import Pack
from composetasks.apply.inside.unpack import BadArchive, Unpack
from tests.unit.apply.state import trees

AS_ROOT = os.geteuid() == 0


def packed(root: Path) -> bytes:
    parts: list[bytes] = []
    opened = os.open(root, tree.FOLDER)
    Pack(parts.append).tree(opened)
    os.close(opened)
    return b"".join(parts)


def unpacked(archive: bytes, root: Path) -> Path:
    root.mkdir()
    opened = os.open(root, tree.FOLDER)
    try:
        Unpack(reader(archive), opened).run()
    finally:
        os.close(opened)
    return root


def reader(archive: bytes) -> Callable[[int], bytes]:
    stream = io.BytesIO(archive)

    def read(count: int) -> bytes:
        content = stream.read(count)
        if len(content) < count:
            raise BadArchive("unexpected end of the archive")
        return content

    return read


@pytest.fixture
def full(tmp_path: Path) -> Path:
    trees.make(tmp_path / "full")
    if not AS_ROOT:
        (tmp_path / "full" / "closed").chmod(0o700)
    return tmp_path / "full"


def test_all_that_a_tree_is_comes_back(full: Path, tmp_path: Path) -> None:
    copy = unpacked(packed(full), tmp_path / "copy")
    assert trees.describe(copy) == trees.describe(full)


def test_a_tree_gives_the_same_archive_each_time(full: Path) -> None:
    assert packed(full) == packed(full)


def test_a_hole_takes_no_room_in_the_archive(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    trees.hole(tmp_path / "one" / "holes")
    assert len(packed(tmp_path / "one")) < 100_000


def test_a_socket_is_left_out_and_named(tmp_path: Path) -> None:
    os.mknod(tmp_path / "s", stat.S_IFSOCK | 0o600)
    opened = os.open(tmp_path, tree.FOLDER)
    archive = Pack(lambda _: None)
    archive.tree(opened)
    os.close(opened)
    assert archive.left_out == ["./s"]


@pytest.mark.skipif(not AS_ROOT, reason="owners can be given to files by root alone")
def test_tar_reads_it_too(full: Path, tmp_path: Path) -> None:
    if shutil.which("tar") is None:
        pytest.skip("there is no tar")
    copy = tmp_path / "copy"
    copy.mkdir()
    options = ["--xattrs", "--xattrs-include=*", "--same-owner", "--numeric-owner", "-p"]
    subprocess.run(["tar", "-x", *options, "-C", copy], input=packed(full), check=True)
    assert trees.describe(copy) == trees.describe(full)


def test_python_reads_it_too(full: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(full))) as archive:
        holes = archive.extractfile("./holes")
        assert holes is not None
        assert holes.read() == (full / "holes").read_bytes()


NAMES = st.binary(min_size=1, max_size=60).filter(
    lambda name: not {b"/"[0], 0} & set(name) and name not in (b".", b"..")
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=3000), max_size=8))
def test_any_names_and_contents_come_back(
    tmp_path_factory: pytest.TempPathFactory, files: dict[bytes, bytes]
) -> None:
    files = {name: text for name, text in files.items() if not name.startswith(tree.STAGE)}
    base = tmp_path_factory.mktemp("any")
    (base / "full").mkdir()
    for name, content in files.items():
        (base / "full" / os.fsdecode(name)).write_bytes(content)
    copy = unpacked(packed(base / "full"), base / "copy")
    assert trees.describe(copy) == trees.describe(base / "full")


# --- archives that are not ours -------------------------------------------------------------


def crafted(*members: tuple[str, bytes, str]) -> bytes:
    """An archive whose records are right and whose paths are chosen: name, kind, link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, link in (("./", tarfile.DIRTYPE, ""), *members):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mtime = kind, link, 0
            member.mode = 0o755
            member.pax_headers = {"mtime": "0.000000000", "path": name}
            archive.addfile(member)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        [("./../out", tarfile.REGTYPE, "")],
        [("/out", tarfile.REGTYPE, "")],
        [("./a/../../out", tarfile.REGTYPE, "")],
        [("./link", tarfile.SYMTYPE, ".."), ("./link/out", tarfile.REGTYPE, "")],
        [("./link", tarfile.SYMTYPE, "/"), ("./link/out", tarfile.DIRTYPE, "")],
        [("./hard", tarfile.LNKTYPE, "./../secret")],
        [("./link", tarfile.SYMTYPE, ".."), ("./hard", tarfile.LNKTYPE, "./link/secret")],
        [("./link", tarfile.SYMTYPE, "../secret"), ("./link", tarfile.REGTYPE, "")],
    ],
)
def test_no_path_leads_out(tmp_path: Path, members: list[tuple[str, bytes, str]]) -> None:
    (tmp_path / "secret").write_text("secret")
    with pytest.raises((BadArchive, OSError)):
        unpacked(crafted(*members), tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "secret"]
    assert (tmp_path / "secret").read_text() == "secret"
    assert (tmp_path / "secret").stat().st_nlink == 1


def test_an_archive_that_ends_too_early_is_refused(full: Path, tmp_path: Path) -> None:
    archive = packed(full)
    for number, part in enumerate((0.0, 0.1, 0.5, 0.9999)):
        with pytest.raises(BadArchive):
            unpacked(archive[: int(len(archive) * part)], tmp_path / f"copy{number}")


def test_some_of_a_tree_is_kept_with_the_folders_on_the_way(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    for name in ("a/b/c", "a/other", "d/e", "f"):
        (whole / name).parent.mkdir(parents=True, exist_ok=True)
        (whole / name).write_text(name)
    (whole / "a").chmod(0o711)
    parts: list[bytes] = []
    opened = os.open(whole, tree.FOLDER)
    Pack(parts.append).some(opened, [b"a/b/c", b"f", b"gone/g"], b"./")
    os.close(opened)

    result = unpacked(b"".join(parts), tmp_path / "some")

    assert sorted(str(one.relative_to(result)) for one in result.rglob("*")) == [
        *("a", "a/b", "a/b/c", "f")
    ]
    assert stat.S_IMODE((result / "a").stat().st_mode) == 0o711


def test_one_path_is_removed_and_no_folder_with_something_in_it(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/d", "outside"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "a" / "link").symlink_to("..")
    opened = os.open(tmp_path, tree.FOLDER)
    for path in (b"a/link/outside", b"a/b/c", b"a/b", b"a", b"gone/x"):
        tree.remove_one(opened, path)
    os.close(opened)

    left = sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*"))
    assert left == ["a", "a/d", "a/link", "outside"]
