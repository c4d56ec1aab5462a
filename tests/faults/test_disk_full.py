"""A disk that is full: the run folder's, and the one where the engine keeps its images."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.engine.stacks import docker, wait_until
from tests.faults.own_engine import OwnEngine
from tests.faults.runs import failed, heals, under_way
from tests.faults.test_engine_lost import BUILT, WAITED_FOR, containers, make_ready
from tests.project import Project

PAGE_BYTES = 4096
STORE_BYTES = 48_000_000
STATE = (
    "services: {one: {image: ct-test/busybox, init: true, volumes: ['data:/d'], "
    "command: [sh, -c, 'echo x > /d/x; sleep 1000']}}\nvolumes: {data: {}}\n"
)
ONE = "services: {one: {image: ct-test/busybox, init: true, command: [sleep, '1000']}}\n"


def fill(folder: Path) -> Path:
    """Fill the disk that a folder is on to the last byte; the file that does it."""
    filling = folder / "filling"
    with contextlib.suppress(OSError), filling.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(PAGE_BYTES))
    return filling


@pytest.fixture
def kept(project: Project) -> Iterator[Path]:
    """The project's ``.composetasks``, on a disk of its own of 2 MB."""
    place = project.folder / ".composetasks"
    place.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=2m", "kept", str(place)]
    subprocess.run(argv, check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def filled_up(record: Path) -> None:
    """Fill the last page of a file, in which there is room on a full disk too."""
    with record.open("a") as stream:
        stream.write(" " * (-record.stat().st_size % PAGE_BYTES))


def test_in_the_run_folder_from_the_beginning(project: Project, kept: Path) -> None:
    project.compose(WAITED_FOR)
    filling = fill(kept)
    with under_way(project, "up", TMPDIR=str(project.folder)) as run:
        wait_until(lambda: bool(containers(project, "--filter", "health=starting")))
        make_ready(project)
    assert run.ran.code == 0, run.ran.err
    assert f"the disk is full: {kept}; this run is kept in" in run.ran.err
    assert list(project.folder.glob("composetasks-*/runs/*-up/timeline.json"))
    assert list(kept.glob("runs/*")) == []
    assert project.inv("down", TMPDIR=str(project.folder)).code == 0
    assert containers(project) == []
    filling.unlink()


def test_what_state_is_replaced_with_needs_room(project: Project, kept: Path) -> None:
    project.compose(STATE)
    assert project.inv("up").code == 0
    fill(kept)
    failed(project.inv("reset-state", "--yes"), 1, "the disk is full")


def test_in_the_run_folder_in_the_middle_of_a_start(project: Project, kept: Path) -> None:
    project.compose(WAITED_FOR)
    with under_way(project, "up") as run:
        wait_until(lambda: bool(containers(project, "--filter", "health=starting")))
        # What a run keeps of it is written a little later; then it waits.
        assert run.child.stderr is not None
        for line in run.child.stderr:
            if "created in" in line:
                break
        filled_up(next(kept.glob("runs/*-up/events.jsonl")))
        filling = fill(kept)
        make_ready(project)
    assert run.ran.code == 0, run.ran.err
    assert "nothing more of this run is kept" in run.ran.err
    filling.unlink()
    heals(project)


def test_what_only_looks_needs_no_room(project: Project, kept: Path) -> None:
    project.compose(ONE)
    assert project.inv("up").code == 0
    fill(kept)
    assert project.inv("status").code == 0
    assert project.inv("logs").code == 0
    assert project.plan("up") == []


def test_what_only_looks_needs_no_room_in_a_project_that_keeps_nothing_yet(
    project: Project, kept: Path
) -> None:
    project.compose(ONE)
    filling = fill(kept)
    for words in (["status"], ["logs"], ["graph"], ["env"]):
        ran = project.inv(*words)
        assert ran.code == 0, ran.err
    filling.unlink()
    assert project.inv("status").code == 0
    assert (kept / ".gitignore").read_text() == "*\n"


@pytest.fixture
def small_engine(
    possible: None, project: Project, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OwnEngine]:
    """An engine with room for some small images, and the project is on it."""
    with OwnEngine(STORE_BYTES) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        project.environment["DOCKER_HOST"] = engine.address
        busybox.image()
        yield engine


def test_in_the_image_store_while_building(project: Project, small_engine: OwnEngine) -> None:
    project.compose(BUILT)
    too_much = "RUN dd if=/dev/zero of=/big bs=64k count=2000\n"
    project.write("web/Dockerfile", f"FROM ct-test/busybox\n{too_much}")
    failed(project.inv("up"), 7, "No space left on device", "docker system df")
    assert containers(project) == []
    project.write("web/Dockerfile", "FROM ct-test/busybox\n")
    heals(project)


def test_in_the_image_store_while_starting(project: Project, small_engine: OwnEngine) -> None:
    project.compose(ONE)
    small_engine.fill()
    ran = project.inv("up")
    failed(ran, 8, "no space left on device")
    small_engine.empty()
    heals(project)
    assert docker("ps", "-q") != ""
