"""Whose an instance's folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.store import instance_folder
from composetasks.store.instance_folder import BY_HAND, RECORD


def test_an_instance_without_a_record_is_not_claimed(tmp_path: Path) -> None:
    assert instance_folder.recorded(tmp_path) is None
    instance_folder.claim_new(tmp_path, "owner")
    assert instance_folder.recorded(tmp_path) == "owner"


@pytest.mark.parametrize("text", ["", '{"owner', "[]", '{"owner": null}'])
def test_a_damaged_record_leaves_the_instance_to_whoever_made_it(tmp_path: Path, text: str) -> None:
    """The folder of an unclaimed instance is emptied before its first use."""
    (tmp_path / RECORD).write_text(text)
    assert instance_folder.recorded(tmp_path) == BY_HAND
    assert not instance_folder.ended(instance_folder.recorded(tmp_path))
