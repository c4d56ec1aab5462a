"""A disk that is full: the run folder's, and the one where the engine keeps its images."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.engine.stacks import docker, wait_until
from tests.faults.own_engine import OwnEngine
from tests.faults.runs import UnderWay, failed, heals, under_way
from tests.faults.test_engine_lost import BUILT, SLOW_BUILD, WAITED_FOR, containers, make_ready
from tests.project import Project

ROOT = Path(__file__).parents[2]
PAGE_BYTES = 4096
FILES = 100
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


@pytest.mark.parametrize("used", [False, True], ids=["new", "used before"])
def test_in_the_run_folder_from_the_beginning(
    project: Project, kept: Path, tmp_path: Path, used: bool
) -> None:
    project.environment["XDG_CACHE_HOME"] = str(tmp_path)
    project.compose(WAITED_FOR)
    if used:
        assert project.inv("status").code == 0
    filling = fill(kept)
    with under_way(project, "up") as run:
        wait_until(lambda: bool(containers(project, "--filter", "health=starting")))
        make_ready(project)
    assert run.ran.code == 0, run.ran.err
    output = " ".join(run.ran.err.split())  # a page is as wide as it is
    assert output.count(f"the disk is full: {kept}; this run is kept in") == 1
    assert list(tmp_path.glob("composetasks/*/runs/*-up/timeline.json"))
    assert list(kept.glob("runs/*")) == []
    assert project.inv("down").code == 0
    assert containers(project) == []
    [place] = (tmp_path / "composetasks").iterdir()
    assert len(list((place / "runs").iterdir())) == 2
    filling.unlink()
    with under_way(project, "up"):
        wait_until(lambda: bool(containers(project, "--filter", "health=starting")))
        make_ready(project)
    heals(project)


def test_in_the_run_folder_where_no_file_can_be_made(
    project: Project, kept: Path, tmp_path: Path
) -> None:
    project.environment["XDG_CACHE_HOME"] = str(tmp_path)
    project.compose(ONE)
    assert project.inv("status").code == 0
    argv = ["mount", "-o", f"remount,size=2m,nr_inodes={FILES}", str(kept)]
    subprocess.run(argv, check=True)
    with contextlib.suppress(OSError):
        for number in range(FILES):
            (kept / str(number)).touch()
    for word in ("up", "down"):
        ran = project.inv(word)
        assert ran.code == 0, ran.err
    [place] = (tmp_path / "composetasks").iterdir()
    assert len(list((place / "runs").iterdir())) == 2


def on_a_full_machine(
    project: Project, memory: str, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run the program where one disk, a full one, holds the project, the caches and all temporary
    files; ``memory`` is what /dev/shm is mounted with."""
    script = f"""
        mount -t tmpfs -o size=2m full /media
        cp -a . /media
        mount --rbind / /mnt
        for place in /tmp /var/tmp "$PWD"; do mkdir -p "$place"; mount --bind /media "$place"; done
        for place in "{sys.prefix}" "{ROOT}"; do
            mkdir -p "$place"
            mount --bind "/mnt$place" "$place"
        done
        mount {memory} /dev/shm
        cat /dev/zero >/media/filling || true
        cd "$PWD"
        exec "$@"
    """
    engine = project.environment.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    places = {
        "XDG_CACHE_HOME": str(project.folder / "caches"),
        "DOCKER_HOST": engine.replace("unix://", "unix:///mnt"),
    }
    return subprocess.run(
        ["unshare", "-m", "sh", "-euc", script, "sh", *project.program, *words],
        cwd=project.folder,
        env={**project.environment, **places},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("used", [False, True], ids=["new", "used before"])
def test_of_the_whole_machine(project: Project, used: bool) -> None:
    project.compose(ONE)
    if used:
        assert project.inv("status").code == 0
    for word, running in (("up", 1), ("down", 0)):
        ran = on_a_full_machine(project, "-t tmpfs memory", word)
        assert ran.returncode == 0, ran.stderr
        output = " ".join(ran.stderr.split())  # a page is as wide as it is
        assert "this run is kept in /dev/shm/composetasks-" in output
        assert len(containers(project)) == running


def test_of_the_whole_machine_and_its_memory(project: Project) -> None:
    project.compose(ONE)
    ran = on_a_full_machine(project, "--bind /media", "up")
    assert ran.returncode == 1, ran.stderr
    assert ran.stderr.splitlines()[-4].startswith("error: the disk is full"), ran.stderr
    assert containers(project) == []


def test_what_state_is_replaced_with_needs_room(project: Project, kept: Path) -> None:
    project.compose(STATE)
    assert project.inv("up").code == 0
    fill(kept)
    failed(project.inv("reset-state", "--yes"), 1, "the disk is full")


def test_in_the_run_folder_in_the_middle_of_a_start(project: Project, kept: Path) -> None:
    project.compose(WAITED_FOR)
    with full_after_launch(project, kept, "up") as run:
        make_ready(project)
    assert run.ran.code == 0, run.ran.err
    assert "nothing more of this run is kept" in run.ran.err
    (kept / "filling").unlink()
    heals(project)


@contextlib.contextmanager
def full_after_launch(project: Project, kept: Path, *words: str) -> Iterator[UnderWay]:
    """A start whose run folder's disk is filled up once its first container is created."""
    with under_way(project, *words) as run:
        wait_until(lambda: bool(containers(project)))
        assert run.child.stderr is not None
        for line in run.child.stderr:
            if "created in" in line:
                break
        filled_up(next(kept.glob("runs/*-up/events.jsonl")))
        fill(kept)
        yield run


def test_what_failed_is_told_without_room_for_its_record(project: Project, kept: Path) -> None:
    ends = '[sh, -c, "until [ -e /data/ready ]; do sleep 0.1; done; echo so it ends; exit 3"]'
    never_healthy = WAITED_FOR.replace("test, -e, /data/ready", "test, -e, /never")
    project.compose(never_healthy.replace('[sleep, "1000"]', ends))
    with full_after_launch(project, kept, "up") as run:
        make_ready(project)
    failed(run.ran, 8, "slow is not up")
    assert "so it ends" in run.ran.err


def test_a_build_goes_on_without_room_for_its_log(project: Project, kept: Path) -> None:
    project.compose(BUILT)
    project.write("web/Dockerfile", SLOW_BUILD % project.name)
    with under_way(project, "up") as run:
        wait_until(lambda: bool(list(kept.glob("runs/*-up/build-web.log"))))
        filled_up(next(kept.glob("runs/*-up/events.jsonl")))
        fill(kept)
    assert run.ran.code == 0, run.ran.err
    assert len(containers(project)) == 1


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
