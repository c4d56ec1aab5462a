"""What of a swarm, and of the files that it is to keep, can't be read is told, and waits for
nobody."""

from __future__ import annotations

import base64
import gzip
import os
from pathlib import Path

import pytest

from composetasks.facts import ExitCode
from composetasks.facts.deploy import LARGEST, NAMESPACE, REVISION
from composetasks.observe.deploy.swarm import _revisions, packed, unpacked
from composetasks.observe.deploy.wanted import _contents
from composetasks.run.failure import TaskFailure


def test_a_named_pipe_is_no_content_of_a_config(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "app.conf")
    entries = {"app": {"file": str(tmp_path / "app.conf")}}
    with pytest.raises(TaskFailure, match="is a named pipe") as caught:
        list(_contents(entries, "configs", "shop", {}))
    assert caught.value.code == ExitCode.INVALID


HALF = gzip.compress(b"{}", mtime=0)[:-4]
OTHER = gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 20


@pytest.mark.parametrize("data", [b"", b"no json", b"[]", b"{}", b"\x1f\x8bno", HALF, OTHER])
def test_a_record_of_another_form_is_named(data: bytes) -> None:
    spec = {
        "Name": "shop_revision-3",
        "Labels": {NAMESPACE: "shop", REVISION: "3"},
        "Data": base64.b64encode(data).decode(),
    }
    with pytest.raises(TaskFailure, match="the revision shop_revision-3 of the swarm"):
        _revisions([{"ID": "x", "Spec": spec}], "shop", b"key")


@pytest.mark.parametrize("characters", [10, LARGEST["configs"]])
def test_a_record_fits_and_is_read_again(characters: int) -> None:
    record = {"file": {"services": {"web": {"image": "x" * characters}}}}
    data = packed(record)
    assert len(data) <= LARGEST["configs"]
    assert unpacked(data) == record
