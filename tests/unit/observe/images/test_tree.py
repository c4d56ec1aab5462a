"""The digest of files on a disk, and its cache entry."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import Build, BuildInputs, Engine, ExitCode, Service
from composetasks.observe.images import listings
from composetasks.observe.images.build_inputs import build_inputs, inputs_and_faults
from composetasks.run.failure import TaskFailure
from composetasks.store import cache_entry
from tests.dockerfiles import model, service

LONG_AFTER_NS = 4_700_000_000_000_000_000
DOCKERFILE = "FROM scratch\nCOPY . /app\n"


class Context:
    """A context of some files, looked at as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.cache.mkdir()
        self.folder = folder / "context"
        (self.folder / "sub" / "deep").mkdir(parents=True)
        for path in ("a", "b", "sub/c", "sub/deep/d"):
            (self.folder / path).write_text(path)
        self.dockerfile(DOCKERFILE)
        self.settle()

    def dockerfile(self, text: str) -> None:
        (self.folder / "Dockerfile").write_text(text)

    def settle(self) -> None:
        """Give every file a time long past, as files have that nobody is working on."""
        for path in (self.folder, *self.folder.rglob("*")):
            os.utime(path, (1_700_000_000.5, 1_700_000_000.5), follow_symlinks=False)

    def service(self, **definition: Any) -> Service:
        return service(Build(str(self.folder), "Dockerfile", definition))

    def inputs(self, **definition: Any) -> BuildInputs:
        of = model(self.folder.parent, self.service(**definition))
        return build_inputs(of, Engine(), self.cache)["app"]

    def digest(self) -> str:
        """The digest, for who asks for no single files."""
        of = model(self.folder.parent, self.service())
        result, _ = inputs_and_faults(of, Engine(), self.cache, listed=lambda _: False)
        return result["app"].digest


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path)


def _content(folder: Path) -> None:
    (folder / "sub/c").write_text("other")


def _new(folder: Path) -> None:
    (folder / "sub/new").touch()


def _removed(folder: Path) -> None:
    (folder / "sub/deep/d").unlink()


def _mode(folder: Path) -> None:
    (folder / "a").chmod(0o755)


def _folder_mode(folder: Path) -> None:
    (folder / "sub").chmod(0o711)


def _empty_folder(folder: Path) -> None:
    (folder / "empty").mkdir()


def _link(folder: Path) -> None:
    (folder / "link").symlink_to("a")


def _swapped(folder: Path) -> None:
    (folder / "a").rename(folder / "x")
    (folder / "b").rename(folder / "a")
    (folder / "x").rename(folder / "b")


def _folder_renamed(folder: Path) -> None:
    (folder / "sub").rename(folder / "renamed")


def _same_size_and_time(folder: Path) -> None:
    status = (folder / "a").stat()
    (folder / "a").write_text("A")
    os.utime(folder / "a", ns=(status.st_atime_ns, status.st_mtime_ns))


def _replaced_by_one_of_the_same_times(folder: Path) -> None:
    status = (folder / "a").stat()
    (folder / "new").write_text("A")
    os.utime(folder / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (folder / "new").rename(folder / "a")


def _file_for_a_folder(folder: Path) -> None:
    (folder / "sub/deep/d").unlink()
    (folder / "sub/deep").rmdir()
    (folder / "sub/deep").write_text("")


@pytest.mark.parametrize(
    "edit",
    [
        *(_content, _new, _removed, _mode, _folder_mode, _empty_folder, _link, _swapped),
        *(_folder_renamed, _same_size_and_time, _replaced_by_one_of_the_same_times),
        _file_for_a_folder,
    ],
)
def test_an_edit_is_seen_and_undone_is_forgotten(
    context: Context, edit: Callable[[Path], None]
) -> None:
    before = context.inputs()
    edit(context.folder)
    after = context.inputs()
    assert after.digest != before.digest
    assert dict(after.files) != dict(before.files)
    fresh = Path(f"{context.folder.parent}/other-cache")
    fresh.mkdir()
    context.cache = fresh
    assert context.inputs().digest == after.digest


@pytest.mark.parametrize(
    "edit",
    [
        *(_content, _new, _removed, _mode, _folder_mode, _empty_folder, _link, _swapped),
        *(_folder_renamed, _replaced_by_one_of_the_same_times, _file_for_a_folder),
    ],
)
def test_an_edit_is_seen_by_its_folder_alone(
    context: Context, monkeypatch: pytest.MonkeyPatch, edit: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: LONG_AFTER_NS)
    before = context.digest()
    edit(context.folder)
    assert before != context.digest() == context.inputs().digest


def _touched(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path)


def _rewritten(folder: Path) -> None:
    (folder / "a").write_text("a")


def _copied(folder: Path) -> None:
    (folder / "copy").write_bytes((folder / "a").read_bytes())
    (folder / "copy").replace(folder / "a")


@pytest.mark.parametrize("edit", [_touched, _rewritten, _copied])
def test_times_and_inodes_count_for_nothing(context: Context, edit: Callable[[Path], None]) -> None:
    before = context.inputs()
    edit(context.folder)
    assert context.inputs().digest == before.digest


def test_two_checkouts_have_one_digest(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert Context(tmp_path / "one").inputs().digest == Context(tmp_path / "two").inputs().digest


def test_an_unchanged_file_is_not_read_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: LONG_AFTER_NS)
    context.inputs()
    read: list[str] = []
    content = listings._content

    def noted(path: str) -> str:
        read.append(path)
        return content(path)

    monkeypatch.setattr(listings, "_content", noted)
    context.inputs()
    assert read == []
    _content(context.folder)
    context.inputs()
    assert [os.path.basename(path) for path in read] == ["c"]


def test_a_file_changed_just_before_it_was_read_is_read_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same tick of the clock: neither size nor any time would tell a second edit.
    before = context.inputs()
    status = (context.folder / "a").stat()
    monkeypatch.setattr(time, "time_ns", lambda: status.st_ctime_ns + 1)
    context.cache = context.folder.parent / "cache2"
    context.cache.mkdir()
    context.inputs()
    kept = cache_entry.load(next(context.cache.glob("files-*")), dict) or {}
    listing = next(row[2] for row in kept["folders"] if row[:2] == [0, ""])
    rows = [row for row in listings.rows(listing) if row[0] == "a"]
    assert [row[4] for row in rows] == [0]
    assert context.inputs().digest == before.digest


def test_that_nothing_changed_is_told_without_what_is_kept_of_each_file(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: LONG_AFTER_NS)
    before = context.inputs()
    for place in context.cache.glob("files-*"):
        place.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(listings, "_content", lambda path: pytest.fail(f"{path} is read again"))
        assert context.digest() == before.digest
    assert context.inputs().files == before.files


def test_an_ignored_file_is_never_looked_into(context: Context) -> None:
    (context.folder / ".dockerignore").write_text("sub\n")
    before = context.inputs()
    (context.folder / "sub" / "deep" / "d").write_text("other")
    assert context.inputs().digest == before.digest
    assert "sub/c" not in before.files


def test_another_ignore_file_is_another_selection(context: Context) -> None:
    context.dockerfile("FROM scratch\nCOPY sub /\n")
    before = context.inputs()
    (context.folder / ".dockerignore").write_text("**/d\n")
    after = context.inputs()
    assert sorted(set(before.files) - set(after.files)) == ["context/sub/deep/d"]


def test_an_ignored_folder_counts_only_for_what_it_holds(context: Context) -> None:
    (context.folder / ".dockerignore").write_text("sub\n!sub/deep/d\n")
    context.dockerfile("FROM scratch\nCOPY sub /sub\n")
    files = context.inputs().files
    assert sorted(files) == ["context/sub", "context/sub/deep", "context/sub/deep/d"]


def test_our_own_folder_is_no_input(context: Context) -> None:
    context.cache = context.folder / ".composetasks" / "cache"
    context.cache.mkdir(parents=True)
    before = context.inputs()
    (context.cache / "more").touch()
    assert context.inputs().digest == before.digest
    assert not [path for path in before.files if ".composetasks" in path]


def test_a_damaged_cache_entry_is_written_again(context: Context) -> None:
    before = context.inputs()
    for place in context.cache.glob("files-*"):
        place.write_bytes(b"\x00damaged")
    assert context.inputs().digest == before.digest


def test_what_is_neither_file_nor_folder_nor_link_is_not_read(context: Context) -> None:
    before = context.inputs()
    os.mkfifo(context.folder / "pipe")
    assert context.inputs().digest != before.digest


def test_a_socket_comes_and_goes_unseen(context: Context) -> None:
    before = context.inputs()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(context.folder / "sub/app.sock"))
    context.settle()
    after = context.inputs()
    assert (after.digest, dict(after.files)) == (before.digest, dict(before.files))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_can_not_be_read_is_named(context: Context) -> None:
    (context.folder / "a").chmod(0)
    with pytest.raises(TaskFailure, match="context/a"):
        context.inputs()


@pytest.mark.parametrize(
    ("definition", "dockerfile", "said"),
    [
        ({}, None, "Dockerfile"),
        ({"target": "none"}, DOCKERFILE, "no stage 'none'"),
        ({}, "# nothing\n", "no FROM"),
        (
            {"additional_contexts": {"more": "/nowhere"}},
            "FROM scratch\nCOPY --from=more . /\n",
            "build context more: /nowhere does not exist",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_service(
    context: Context, definition: dict[str, Any], dockerfile: str | None, said: str
) -> None:
    (context.folder / "Dockerfile").unlink()
    if dockerfile is not None:
        context.dockerfile(dockerfile)
    with pytest.raises(TaskFailure) as failure:
        context.inputs(**definition)
    assert failure.value.message.startswith("app: ")
    assert said in failure.value.message
    assert failure.value.code == 6
    assert failure.value.hint


def test_a_missing_context_is_named(tmp_path: Path) -> None:
    of = model(tmp_path, service(Build(str(tmp_path / "none"), "Dockerfile", {})))
    with pytest.raises(TaskFailure, match=r"app: build context .*none does not exist"):
        build_inputs(of, Engine(), tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_name_that_is_not_utf_8_is_named_where_it_would_be_sent(
    context: Context, kind: str
) -> None:
    odd = os.fsencode(context.folder) + b"/sub/caf\xe9"
    if kind == "file":
        os.mknod(odd)
    elif kind == "folder":
        os.mkdir(odd)
    else:
        os.symlink(b"caf\xe9", os.fsencode(context.folder) + b"/sub/link")
    context.dockerfile("FROM scratch\nCOPY a /\n")
    context.inputs()
    context.dockerfile("FROM scratch\nCOPY sub /\n")
    for _ in range(2):  # nothing of it is remembered
        with pytest.raises(TaskFailure, match=r"/sub/(caf\\xe9|link): its name.*not UTF-8") as told:
            context.inputs()
        assert told.value.code == ExitCode.INVALID
    (context.folder / ".dockerignore").write_text("sub/[cl][ai]*\n")
    context.inputs()


@pytest.mark.parametrize(
    ("dockerfile", "ignored", "taken"),
    [
        ("COPY . /app", "", True),
        ("COPY . /app", "node_modules\n", True),
        ("COPY . /app", ".composetasks\n", False),
        ("COPY . /app", "**/.composetasks\n", False),
        ("COPY . /app", ".*\n", False),
        ("COPY . /app", "*\n!a\n", False),
        ("COPY a /app", "", False),
        ("COPY sub /app", "", False),
    ],
)
def test_it_is_told_where_plain_compose_takes_our_own_folder_along(
    context: Context, dockerfile: str, ignored: str, taken: bool
) -> None:
    context.cache = context.folder / ".composetasks" / "cache"
    context.cache.mkdir(parents=True)
    context.dockerfile(f"FROM scratch\n{dockerfile}\n")
    (context.folder / ".dockerignore").write_text(ignored)
    warnings = context.inputs().warnings
    assert [".composetasks to its .dockerignore" in one for one in warnings] == [True] * taken
