"""A disk that is full: what was there is still there, and what ran runs again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.stacks import docker
from tests.engine.state_project import content, digest, make_toy, running, volume
from tests.project import Project

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
SMALL = "4m"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    place = tmp_path / "small"
    place.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(place)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def everything(project: Project) -> tuple[str, str]:
    return digest(volume(project, "data")), digest(f"{project.folder}/state/points")


def test_a_snapshot_that_does_not_fit_leaves_all_as_it_was(project: Project, small: Path) -> None:
    toy = make_toy(project)
    random = "head -c 9000000 /dev/urandom > /data/big"
    docker("exec", f"{toy.name}-db-1", "sh", "-c", random)
    (toy.folder / ".composetasks" / "snapshots").symlink_to(small)
    before = everything(toy)
    for arguments in (["snapshot", "x"], ["reset-state", "--yes"]):
        ran = toy.inv(*arguments)
        assert ran.code == 1
        assert "No space left" in ran.err
        assert "free space" in ran.err
        assert everything(toy) == before
        assert set(running(toy)) == {"db", "app", "other"}
        assert list(small.iterdir()) == []
    assert toy.inv("snapshots", "--json").document["snapshots"] == []


def test_a_restore_that_does_not_fit_leaves_all_as_it_was(project: Project, small: Path) -> None:
    """The project lies on the small disk: its folder can't take old and new at once."""
    folder = small / "project"
    folder.mkdir()
    toy = make_toy(Project(folder, project.environment, project.name))
    random = "head -c 2500000 /dev/zero > /points/big"
    docker("exec", f"{toy.name}-app-1", "sh", "-c", random)
    assert toy.inv("snapshot", "x").code == 0
    docker("exec", f"{toy.name}-app-1", "sh", "-c", "echo new > /points/1")
    docker("exec", f"{toy.name}-db-1", "sh", "-c", "echo new > /data/rows/1")
    before = everything(toy)
    ran = toy.inv("restore", "x", "--yes", "--no-snapshot")
    assert ran.code == 1
    assert "No space left" in ran.err
    assert everything(toy) == before
    assert set(running(toy)) == {"db", "app", "other"}
    assert sorted(path.name for path in (folder / "state").iterdir()) == ["jars", "points"]
    assert toy.inv("down").code == 0


def test_a_folder_that_is_a_disk_of_its_own_is_emptied_and_restored(
    project: Project, small: Path
) -> None:
    """It can't be renamed: what is in it is moved."""
    project.compose(f"""
services:
  app:
    image: ct-test/busybox
    init: true
    command: [sleep, "3600"]
    volumes: ["own:/own"]
volumes:
  own: {{driver_opts: {{type: none, o: bind, device: {small}}}}}
""")
    (small / "file").write_text("old")
    small.chmod(0o750)
    assert project.inv("up").code == 0
    before = content(volume(project, "own"))
    ran = project.inv("reset-state", "--force")
    assert ran.code == 0, ran.err
    assert content(volume(project, "own")).keys() == {"."}
    assert list(small.iterdir()) == []
    ran = project.inv("restore", "before-reset-1", "--force")
    assert ran.code == 0, ran.err
    assert content(volume(project, "own")) == before
    assert (small / "file").read_text() == "old"
    assert small.stat().st_mode & 0o777 == 0o750
    assert project.inv("down").code == 0
