"""Which file systems may hang, how the way to a path is followed, and what is asked of a child:
with a table of mounts and a program ``stat`` of the test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from composetasks.run import file_systems
from composetasks.run.failure import TaskFailure

LINE = "36 35 98:0 / {point} rw,noatime shared:1 - {kind} server:/x rw\n"


class Machine:
    """Mounts, and the program that looks at them: it writes down what it was asked for, and hangs
    at those that are ``silent``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.mount(("/", "nfs4"))
        program = folder / "bin/stat"
        program.parent.mkdir()
        program.write_text(
            f'#!/bin/sh\necho "$3" >> {self.log}\ncase "$3" in *silent*) exec sleep 1000;; esac\n'
        )
        program.chmod(0o755)

    def mount(self, *mounts: tuple[str, str]) -> None:
        lines = [
            LINE.format(point=point.replace(" ", r"\040"), kind=kind) for point, kind in mounts
        ]
        (self.folder / "table").write_text("".join(lines))

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path)
    monkeypatch.setattr(file_systems, "TABLE", tmp_path / "table")
    monkeypatch.setattr(file_systems, "seconds", 0.2)
    monkeypatch.setattr(file_systems, "_answered", {})
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    file_systems._remote.cache_clear()
    yield made
    file_systems._remote.cache_clear()


def test_where_nothing_of_the_kind_is_mounted_no_program_is_started(machine: Machine) -> None:
    machine.mount(("/", "nfs4"), (f"{machine.folder}/disk", "ext4"), ("/proc", "proc"))
    assert file_systems.silent(machine.folder / "disk/file") == ""
    assert machine.asked == []


def test_elsewhere_than_on_linux_nothing_is_known(machine: Machine) -> None:
    (machine.folder / "table").unlink()
    assert file_systems.silent(machine.folder) == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse", "fuse.sshfs", "9p", "autofs"])
def test_each_is_asked_once_before_anything_on_it_is_looked_at(machine: Machine, kind: str) -> None:
    point = f"{machine.folder}/net work"
    machine.mount((point, kind))
    for name in ("a", "b/c", "../other/net"):
        assert file_systems.silent(f"{point}/{name}") == ""
    assert file_systems.silent(machine.folder / "elsewhere") == ""
    assert machine.asked == [point]


def test_one_that_does_not_answer_is_named_and_not_asked_again(machine: Machine) -> None:
    point = f"{machine.folder}/silent"
    machine.mount((point, "nfs4"))
    for _ in range(2):
        with pytest.raises(TaskFailure, match=f"file system at {point} \\(nfs4\\)") as caught:
            file_systems.check(f"{point}/file")
        assert caught.value.code == 6
    assert machine.asked == [point]
    assert file_systems.realpath(f"{point}/file") == f"{point}/file"


def test_links_into_it_are_followed_up_to_it(machine: Machine) -> None:
    point = machine.folder / "silent"
    machine.mount((str(point), "fuse.sshfs"))
    folder = machine.folder / "project"
    folder.mkdir()
    (folder / "absolute").symlink_to(point / "x")
    (folder / "relative").symlink_to("../project/../silent")
    (folder / "twice").symlink_to("relative/y")
    (folder / "circle").symlink_to("circle")
    for name in ("absolute", "relative/z", "twice"):
        assert file_systems.silent(folder / name) == str(point)
    assert file_systems.silent(folder / "circle") == ""


def test_what_is_mounted_below_a_folder_is_asked_with_it(machine: Machine) -> None:
    point = machine.folder / "context/deep/silent"
    machine.mount((str(point), "ceph"))
    file_systems.check(str(machine.folder / "context"))
    with pytest.raises(TaskFailure, match="does not answer"):
        file_systems.check_all(str(machine.folder / "context"))
