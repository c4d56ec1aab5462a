"""What of this machine can be sent to an engine on another host, and how it is told apart."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from composetasks.observe.images.listings import Listings
from composetasks.observe.start.jobs import read_source
from composetasks.observe.start.sent import can_be_sent, file_digests, listed
from composetasks.store import container_configs
from tests.unit.worlds import model


def test_folders_and_regular_files_can_be_sent_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    there = ("", "file", "link", "pipe", "socket", "gone")
    assert [one for one in there if can_be_sent(str(tmp_path / one))] == ["", "file", "link"]
    assert not any(map(can_be_sent, ("/dev/null", "/dev/fd", "/proc/self/mounts")))


def test_a_secrets_digest_is_keyed_and_what_cannot_be_read_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_configs, "digest_key", lambda cache: cache.name.encode())
    digests = []
    for name in ("one", "two"):
        cache = tmp_path / name
        cache.mkdir()
        for file in ("token", "page"):
            (tmp_path / file).write_text("hunter2")
        token, page = str(tmp_path / "token"), str(tmp_path / "page")
        of = model(content_files={"secrets": {"token": token}, "configs": {"page": page}})
        # Its mode says that it is a regular file; reading it fails, for root too.
        result = file_digests(of, [token, page, "/proc/self/mem"], cache)
        assert file_digests(of, [token, page], cache) == result
        digests.append(result)

    first, second = digests
    assert first.keys() == {token, page}
    assert first[page] == second[page]
    assert first[token] != second[token]


def test_a_linked_folder_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "link").symlink_to("real")
    root, files = read_source(tmp_path / "link", (), tmp_path / "memory", Listings())
    assert (root, list(files.entries())) == (tmp_path / "real", ["file"])


def test_names_that_are_not_utf_8_are_read_and_told_apart(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "code")
    os.mkdir(folder)
    digests = []
    for name in (b"caf\xe9", b"caf\xe8"):
        open(folder + b"/" + name, "w").close()
        files = read_source(tmp_path / "code", (), tmp_path / "memory", Listings())[1]
        assert os.fsdecode(name) in files.entries()
        digests.append(files.digest)
        os.unlink(folder + b"/" + name)

    assert digests[0] != digests[1]
    # A single file is mounted by its name in the volume, which stands in a compose file.
    open(folder + b"/caf\xe9", "w").close()
    (tmp_path / "link").symlink_to(os.fsdecode(folder + b"/caf\xe9"))
    assert can_be_sent(os.fsdecode(folder))
    assert not can_be_sent(str(tmp_path / "link"))


@pytest.mark.parametrize("content", [b"", b'{"a": "f 644', b"\xff", b"[1]", b"[" * 100_000])
def test_a_list_that_was_cut_short_is_none(content: bytes) -> None:
    assert listed(content) == {}
    assert listed(b'{"a": "f 644 x"}') == {"a": "f 644 x"}
