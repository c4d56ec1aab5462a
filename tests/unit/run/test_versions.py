"""What a report of a bug needs, and what installs this package elsewhere."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from composetasks.run.versions import requirement

FROM_GIT = (
    '{"url": "https://git.example/tasks.git", '
    '"vcs_info": {"vcs": "git", "commit_id": "0123abc", "requested_revision": "main"}}'
)


class Installed:
    """A distribution with this ``direct_url.json``; None is one from an index, which has none."""

    def __init__(self, direct_url: str | None) -> None:
        self._direct_url = direct_url

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self._direct_url


@pytest.mark.parametrize(
    ("direct_url", "wanted"),
    [
        (None, "composetasks"),
        ('{"url": "file:///home/me/composetasks", "dir_info": {}}', ""),
        (FROM_GIT, "composetasks @ git+https://git.example/tasks.git@0123abc"),
    ],
)
def test_what_installs_this_package_elsewhere(
    direct_url: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(direct_url))
    assert requirement() == wanted


def test_a_clone_is_installed_elsewhere_from_where_it_was_cloned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "a clone"
    clone.mkdir()

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        argv = ["git", "-C", str(clone), *who, *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    installed = Installed(json.dumps({"url": clone.as_uri(), "dir_info": {}}))
    monkeypatch.setattr(metadata, "distribution", lambda name: installed)
    assert requirement() == ""
    git("remote", "add", "origin", "https://me:token@git.example/tasks.git")
    commit = git("rev-parse", "HEAD")
    assert requirement() == f"composetasks @ git+https://git.example/tasks.git@{commit}"
