"""Killed at any point, a run leaves the state that was there, or all of the new."""

from __future__ import annotations

import random
import signal
import subprocess
import time

import pytest

from tests.engine.stacks import docker, wait_until
from tests.engine.state_project import digest, helpers, make_toy, no_helper_at_work, running, volume
from tests.project import Project

POINTS = 7
FILES = 400


def both(project: Project) -> tuple[str, str]:
    """The state: a volume and a folder that belong together."""
    return digest(volume(project, "data")), digest(f"{project.folder}/state/points")


@pytest.fixture
def full(project: Project) -> Project:
    """A project with enough state for a kill to hit its reading and writing."""
    toy = make_toy(project)
    script = (
        "mkdir -p /there/many; i=0; while [ $i -lt %d ]; do i=$((i+1)); "
        "head -c 40000 /dev/urandom > /there/many/$i; done"
    )
    for service, place in (("db", "/data"), ("app", "/points")):
        inner = (script % FILES).replace("/there", place)
        docker("exec", f"{toy.name}-{service}-1", "sh", "-c", inner)
    return toy


def killed_after(project: Project, seconds: float, *arguments: str) -> bool:
    """Run ``inv`` and kill it after some seconds; says whether it had come to its end before."""
    child = project.start(*arguments)
    try:
        child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.communicate()
        no_helper_at_work(project)
        return False
    assert child.returncode == 0
    return True


def duration(project: Project, *arguments: str) -> float:
    began = time.monotonic()
    ran = project.inv(*arguments)
    assert ran.code == 0, ran.err
    return time.monotonic() - began


def points(whole: float) -> list[float]:
    """Moments spread over a run, each at random in its own part of it."""
    chance = random.Random(POINTS)  # noqa: S311 (the same ones in each run of the tests)
    return [whole * (number + chance.random()) / POINTS for number in range(POINTS)]


def test_a_snapshot_is_there_whole_or_not_at_all(full: Project) -> None:
    before = both(full)
    for number, moment in enumerate(points(duration(full, "snapshot", "whole"))):
        ended = killed_after(full, moment, "snapshot", f"s{number}")
        assert both(full) == before
        listed = {one["name"]: one for one in full.inv("snapshots", "--json").document["snapshots"]}
        assert f"s{number}" in listed or not ended
        assert all(one["problem"] is None for one in listed.values())
    ran = full.inv("restore", "whole", "--yes", "--no-snapshot")
    assert ran.code == 0, ran.err
    assert both(full) == before
    assert full.inv("up").code == 0


def test_a_reset_leaves_all_or_nothing(full: Project) -> None:
    assert full.inv("snapshot", "whole").code == 0
    before = both(full)
    whole = duration(full, "reset-state", "--yes", "--no-snapshot")
    empty = both(full)
    seen = set()
    for moment in points(whole):
        assert full.inv("restore", "whole", "--yes", "--no-snapshot").code == 0
        assert both(full) == before
        killed_after(full, moment, "reset-state", "--yes", "--no-snapshot")
        assert both(full) in (before, empty)
        seen.add(both(full) == before)
    assert True in seen
    assert full.inv("up").code == 0


def test_a_restore_leaves_what_was_there_or_all_of_the_snapshot(full: Project) -> None:
    kept = both(full)
    assert full.inv("snapshot", "whole").code == 0
    change = "rm -r /data/many/1*; echo other > /data/many/2"
    docker("exec", f"{full.name}-db-1", "sh", "-c", change)
    docker("exec", f"{full.name}-app-1", "sh", "-c", "echo other > /points/many/2")
    changed = both(full)
    assert full.inv("snapshot", "changed").code == 0
    whole = duration(full, "restore", "whole", "--yes", "--no-snapshot")
    assert both(full) == kept
    for moment in points(whole):
        assert full.inv("restore", "changed", "--yes", "--no-snapshot").code == 0
        assert both(full) == changed
        killed_after(full, moment, "restore", "whole", "--yes", "--no-snapshot")
        assert both(full) in (kept, changed)
    assert full.inv("up").code == 0


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_a_helper_that_is_killed_leaves_what_was_there(full: Project, part: float) -> None:
    """The container itself is killed while it unpacks: its leftovers go with the next run."""
    kept = both(full)
    assert full.inv("snapshot", "whole").code == 0
    docker("exec", f"{full.name}-db-1", "sh", "-c", "echo other > /data/many/2")
    changed = both(full)
    child = full.start("restore", "whole", "--yes", "--no-snapshot")
    wait_until(lambda: bool(helpers(full)))
    [helper] = helpers(full)
    docker("update", "--cpus", "0.1", helper)
    wait_until(lambda: unpacked(full) > part * FILES)
    docker("kill", helper)
    _, err = child.communicate(timeout=120)
    assert set(running(full)) == {"db", "app", "other"}
    if child.returncode == 0:  # it was so far that all had been exchanged
        assert both(full) == kept
        return
    assert child.returncode == 1
    assert "exited before its work was done" in err
    assert both(full) == changed
    assert leftovers(full) != []
    ran = full.inv("restore", "whole", "--yes", "--no-snapshot")
    assert ran.code == 0, ran.err
    assert leftovers(full) == []


def leftovers(project: Project) -> list[str]:
    """What replacements left beside the volume and the folder."""
    around = docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume(project, "data"))
    script = "ls -A /v /f | grep composetasks || true"
    mounts = ["-v", f"{around.removesuffix('/_data')}:/v:ro", "-v", f"{project.folder}/state:/f:ro"]
    return docker("run", "--rm", *mounts, "ct-test/busybox", "sh", "-c", script).split()


def unpacked(project: Project) -> int:
    """How many files a restore has unpacked beside the volume, as far as can be seen."""
    around = docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume(project, "data"))
    mount = f"{around.removesuffix('/_data')}:/v:ro"
    script = "find /v/.composetasks* -type f 2>/dev/null | wc -l"
    return int(docker("run", "--rm", "-v", mount, "ct-test/busybox", "sh", "-c", script))
