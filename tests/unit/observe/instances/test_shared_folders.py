"""Which mounts an instance can have no copy of."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from composetasks.facts import Mount
from composetasks.observe.instances.shared_folders import shared_sources
from composetasks.observe.state.places import state_folders
from composetasks.run.settings import StateSetting
from tests.repositories import git
from tests.unit.worlds import model, service


def found(
    folder: Path,
    *sources: Path | str,
    read_only: bool = False,
    named: Mapping[str, StateSetting] = MappingProxyType({}),
) -> list[str]:
    """The names of what would be shared where these are mounted."""
    mounts = tuple(
        Mount("bind", str(source), f"/{place}", read_only) for place, source in enumerate(sources)
    )
    of = replace(model(service("a", mounts=mounts)), directory=folder)
    of = replace(of, files=(folder / "compose.yaml",))
    moved = state_folders(of, folder, named)
    return [one.name for one in shared_sources(of, folder, named, moved)]


def project(tmp_path: Path, *, tracked: bool = True) -> Path:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src/main.py").touch()
    (folder / "compose.yaml").touch()
    if tracked:
        git(folder, "init", "-q")
        git(folder, "add", ".")
    return folder


def test_state_is_moved_and_code_is_everybodys(tmp_path: Path) -> None:
    folder = project(tmp_path)
    assert found(folder, folder / "data", folder / "src", folder, folder / "src/main.py") == []


def test_what_nobody_can_tell_is_shared_unless_the_settings_say(tmp_path: Path) -> None:
    folder = project(tmp_path, tracked=False)
    assert found(folder, folder / "data", folder / "src", folder) == ["data", "src"]
    assert found(folder, folder / "data", named={"data": StateSetting()}) == []
    assert found(folder, folder / "data", named={"data": StateSetting(shared=True)}) == []
    assert found(folder, folder / "data", read_only=True) == []


def test_shared_state_is_not_moved(tmp_path: Path) -> None:
    folder = project(tmp_path)
    mounts = (Mount("bind", str(folder / "data"), "/data"),)
    of = replace(model(service("a", mounts=mounts)), directory=folder)
    assert list(state_folders(of, folder, {})) == [folder / "data"]
    assert state_folders(of, folder, {"data": StateSetting(shared=True)}) == {}


def test_a_folder_that_git_keeps_empty_is_moved(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "data/inner").mkdir(parents=True)
    for name in ("data/.gitkeep", "data/inner/.gitignore"):
        (folder / name).touch()
    git(folder, "add", ".")
    (folder / "data/db").touch()
    mounts = (
        Mount("bind", str(folder / "data"), "/data"),
        Mount("bind", str(folder / "src"), "/s"),
    )
    of = replace(model(service("a", mounts=mounts)), directory=folder)
    assert state_folders(of, folder, {}) == {folder / "data": "data"}


def test_files_and_folders_outside_are_shared(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "db.sqlite").touch()
    (folder / ".env").touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    names = found(folder, folder / "db.sqlite", folder / ".env", outside)
    assert names == [str(outside), "db.sqlite"]
    assert found(folder, outside, named={str(outside): StateSetting(shared=True)}) == []


def test_parts_of_the_machine_are_meant(tmp_path: Path) -> None:
    folder = project(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "some.sock"))
        machine = ("/", "/etc/localtime", "/dev/shm", "/var/run/docker.sock", "/sys/fs/cgroup")
        assert found(folder, *machine, tmp_path / "some.sock") == []
