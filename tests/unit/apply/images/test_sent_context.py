"""What BuildKit is sent: the context by a link of its own, and the Dockerfile beside it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from composetasks.apply.images.sent_context import SentContext, prepared
from composetasks.apply.tools import Tools
from composetasks.facts import BuildInputs

NOTHING: Any = None


def sending(project: Path, instance: str) -> AbstractContextManager[SentContext]:
    """What a build of ``web`` is sent by a run of an instance."""
    own = project / ".composetasks"
    run = own / "instances" / instance / "runs" / "1-build"
    tools = Tools(NOTHING, NOTHING, run, own / "cache")
    target = {"context": str(project), "dockerfile": "Dockerfile"}
    return prepared("web", target, BuildInputs("web", "digest"), project, tools)


def test_instances_that_build_at_the_same_time_leave_each_others_context(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with sending(tmp_path, "one") as first:
        with sending(tmp_path, "two") as second:
            links = [sent.changes["context"] for sent in (first, second)]
            assert [os.path.realpath(link) for link in links] == [str(tmp_path)] * 2
        assert os.path.samefile(links[0], tmp_path)
        assert Path(first.changes["dockerfile"]).read_text() == "FROM scratch\n"
        # BuildKit stores what it is sent under the last name.
        assert len({os.path.basename(link) for link in links}) == 1
    assert not any(map(os.path.lexists, links))


def test_a_link_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    with sending(tmp_path, "one") as sent:
        left = Path(f"{sent.changes['context']}-left")
        left.symlink_to(tmp_path)
    with sending(tmp_path, "one"):
        assert not left.is_symlink()
