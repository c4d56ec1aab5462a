"""The folder with the way to an engine: the user's alone, whatever lies in its place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from composetasks.run import ssh_link
from composetasks.run.failure import TaskFailure


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, for a user without a folder of the session."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ssh_link, "LONGEST_FOLDER", len(str(tmp_path)) + 40)
    return tmp_path / f"composetasks-{os.getuid()}"


def test_it_is_the_users_alone(place: Path) -> None:
    assert ssh_link.own_folder() == ssh_link.own_folder() == place
    assert place.stat().st_mode & 0o777 == 0o700


def test_what_somebody_planted_there_is_not_used(place: Path, tmp_path: Path) -> None:
    def link() -> None:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")

    def writable() -> None:
        place.mkdir()
        place.chmod(0o777)

    def file() -> None:
        place.write_text("")

    def another_users() -> None:
        place.mkdir(mode=0o700)
        os.chown(place, 65534, 65534)

    plants = [link, file, writable, *([another_users] if os.geteuid() == 0 else [])]
    for plant in plants:
        plant()
        with pytest.raises(TaskFailure, match="not private to you"):
            ssh_link.own_folder()
        place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()


def test_a_socket_in_it_has_a_path_that_fits(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ssh_link, "LONGEST_FOLDER", 68)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/" + "r" * 90)
    monkeypatch.setattr(tempfile, "tempdir", "/" + "t" * 90)
    made = Path("/tmp", place.name)
    there = made.exists()
    assert ssh_link.own_folder() == made
    if not there:
        made.rmdir()
