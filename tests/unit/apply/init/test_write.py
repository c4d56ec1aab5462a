"""Nothing that is there is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.apply.init.write import write
from composetasks.facts import Proposal, ProposedFile
from composetasks.run.failure import TaskFailure

NEW = ProposedFile("ci/smoke.yml", Proposal.CREATE, None, "new\n")
MORE = ProposedFile(".gitignore", Proposal.APPEND, "one\r\n", "one\r\ntwo\n")


def test_files_are_created_and_lines_appended(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"one\r\n")
    assert list(write(tmp_path, (NEW, MORE))) == ["ci/smoke.yml", ".gitignore"]
    assert (tmp_path / "ci" / "smoke.yml").read_text() == "new\n"
    assert (tmp_path / ".gitignore").read_bytes() == b"one\r\ntwo\n"


@pytest.mark.parametrize("file", [NEW, MORE])
def test_what_somebody_made_or_changed_meanwhile_stays(tmp_path: Path, file: ProposedFile) -> None:
    path = tmp_path / file.path
    path.parent.mkdir(exist_ok=True)
    path.write_text("theirs\n")
    with pytest.raises(TaskFailure, match="was changed in the meantime"):
        list(write(tmp_path, [file]))
    assert path.read_text() == "theirs\n"
