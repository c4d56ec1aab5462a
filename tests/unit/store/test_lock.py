"""One changing task at a time, by a lock the kernel releases."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from composetasks.facts import ExitCode
from composetasks.run import owner
from composetasks.run.failure import TaskFailure
from composetasks.store import lock

HOLDER = """
import signal, sys
from pathlib import Path
from composetasks.store import lock
with lock.hold(Path(sys.argv[1]), "inv up"):
    print("held", flush=True)
    signal.pause()
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
REMOVER = """
import shutil, sys
from pathlib import Path
from composetasks.store import lock
with lock.hold(Path(sys.argv[1]), "inv up"):
    print("held", flush=True)
    sys.stdin.read()
    place = Path(sys.argv[1]).parent
    shutil.rmtree(place.rename(place.with_name("ended")))
"""


def holder(path: Path, before: str = "") -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", before + HOLDER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def test_a_held_lock_says_who_and_since_when(tmp_path: Path) -> None:
    child = holder(tmp_path / "lock")
    try:
        with pytest.raises(TaskFailure) as caught, lock.hold(tmp_path / "lock", "inv down"):
            pass
    finally:
        end(child)
    assert caught.value.code == ExitCode.LOCKED
    assert f"`inv up`, process {child.pid}, since 2" in caught.value.message


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    end(holder(tmp_path / "lock"))
    with lock.hold(tmp_path / "lock", "inv down"):
        pass


def test_waiting_ends_when_the_lock_is_free(tmp_path: Path) -> None:
    child = holder(tmp_path / "lock")
    child.kill()
    try:
        with lock.hold(tmp_path / "lock", "inv down", wait_seconds=20):
            pass
    finally:
        end(child)


def test_waiting_is_bounded(tmp_path: Path) -> None:
    child = holder(tmp_path / "lock")
    try:
        with (
            pytest.raises(TaskFailure) as caught,
            lock.hold(tmp_path / "lock", "inv down", wait_seconds=0.2),
        ):
            pass
    finally:
        end(child)
    assert caught.value.code == ExitCode.LOCKED


def test_it_can_be_held_again(tmp_path: Path) -> None:
    for _ in range(2):
        with lock.hold(tmp_path / "lock", "inv up"):
            pass


def test_a_lock_whose_folder_was_removed_is_not_taken_for_held(tmp_path: Path) -> None:
    place = tmp_path / "instance"
    place.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", REMOVER, str(place / "lock")],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == "held\n"
    child.stdin.close()
    with pytest.raises(FileNotFoundError), lock.hold(place / "lock", "inv up", wait_seconds=20):
        pass
    assert child.wait() == 0
    child.stdout.close()


@pytest.mark.parametrize(("heeds", "code"), [(True, -signal.SIGTERM), (False, -signal.SIGKILL)])
def test_a_lock_is_taken_over_from_a_holder_that_is_ended(
    tmp_path: Path, heeds: bool, code: int
) -> None:
    child = holder(tmp_path / "lock", "" if heeds else DEAF)
    try:
        with lock.take_over(tmp_path / "lock", "the end", 20 if heeds else 0.2):
            assert child.wait() == code
            with pytest.raises(TaskFailure, match="the end"), lock.hold(tmp_path / "lock", "up"):
                pass
    finally:
        end(child)


def test_a_process_that_only_has_the_id_of_an_earlier_holder_is_left_alone(tmp_path: Path) -> None:
    """The holder has not written yet, and what stands in the file is of one that was killed."""
    path, other = tmp_path / "lock", subprocess.Popen(["sleep", "1000"])
    result = owner.of(other.pid)
    assert result is not None
    before = replace(result, started=str(int(result.started) - 1))
    child = holder(path)
    try:
        path.write_text(json.dumps({"pid": other.pid, "process": before.text}))
        with pytest.raises(TaskFailure), lock.take_over(path, "the end", 0.1):
            pass
        assert other.poll() is None
        assert child.poll() is None
    finally:
        other.kill()
        other.wait()
        end(child)
