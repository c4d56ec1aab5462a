"""What the job says of itself, and what the health check makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from supervisor import files
from supervisor.files import FAILED, STARTING, STREAMING, WAITING, Heartbeat, Supervision
from supervisor.health import LONGEST_BATCH_SECONDS, complaint

from processing.heartbeat import Pulse

NOTHING = Supervision("0123456789ab")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files lie, for the job as for the supervisor."""
    monkeypatch.setattr(files, "FOLDER", tmp_path / "processing")
    return tmp_path / "processing"


def pulse(folder: Path) -> Pulse:
    return Pulse("0123456789ab", folder / "heartbeat.json")


def test_what_the_job_says_is_read_by_the_supervisor(folder: Path) -> None:
    job = pulse(folder)
    job.streaming()
    beat = files.read_heartbeat()
    assert beat is not None
    assert (beat.pid, beat.version, beat.state) == (os.getpid(), "0123456789ab", STREAMING)
    assert [path.name for path in folder.iterdir()] == ["heartbeat.json"]
    files.clear_heartbeat()
    files.clear_heartbeat()
    assert files.read_heartbeat() is None


def test_a_wait_says_since_when_however_often_it_is_told(folder: Path) -> None:
    job = pulse(folder)
    job.waiting("the database does not answer", "connection refused")
    first = files.read_heartbeat()
    job.waiting("the database does not answer", "the database system is starting up")
    second = files.read_heartbeat()
    assert first is not None
    assert second is not None
    since = first.why.removesuffix(" (connection refused)")
    assert since.startswith("the database does not answer since ")
    assert second.why == f"{since} (the database system is starting up)"


def test_a_failure_leaves_its_reason(folder: Path) -> None:
    pulse(folder).failed("no such setting")
    beat = files.read_heartbeat()
    assert beat is not None
    assert (beat.state, beat.why) == (FAILED, "no such setting")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_torn_file_is_no_heartbeat(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "heartbeat.json").write_text(text)
    (folder / "supervisor.json").write_text(text)
    assert files.read_heartbeat() is None
    assert files.read_supervision() == Supervision()


def test_a_field_that_a_later_job_adds_is_no_trouble(folder: Path) -> None:
    folder.mkdir()
    told = {"pid": 1, "version": "a", "state": STREAMING, "time": 1.0, "mood": "good"}
    (folder / "heartbeat.json").write_text(json.dumps(told))
    assert files.read_heartbeat() == Heartbeat(1, "a", STREAMING, 1.0)


def beat(state: str = STREAMING, why: str = "", batch_since: float = 0.0) -> Heartbeat:
    return Heartbeat(7, "0123456789ab", state, 1000.0, why, batch_since)


def test_only_a_stream_that_said_so_lately_is_healthy() -> None:
    assert complaint(beat(), NOTHING, 1059.0, alive=True) is None


def test_a_long_batch_is_no_illness_and_one_without_end_is() -> None:
    assert complaint(beat(batch_since=1000.0), NOTHING, 1600.0, alive=True) is None
    later = 1001.0 + LONGEST_BATCH_SECONDS
    assert complaint(beat(batch_since=1000.0), NOTHING, later, alive=True) == "a batch takes 1801 s"


@pytest.mark.parametrize(
    ("beat", "word", "alive", "reason"),
    [
        (None, NOTHING, False, "the job isn't running"),
        (
            beat(),
            Supervision("", "", "the job exited with code 9: x"),
            False,
            "the job exited with",
        ),
        (None, Supervision("", "the edit can't run (x)"), False, "the edit can't run (x)"),
        (beat(STARTING), NOTHING, True, "the job is starting"),
        (beat(STARTING), Supervision("", "", "it fell"), True, "the job is starting; before that"),
        (beat(WAITING, "the database does not answer since 12:00"), NOTHING, True, "the database"),
        (beat(), NOTHING, True, "the stream has said nothing for 90 s"),
    ],
)
def test_anything_else_is_told(
    beat: Heartbeat | None, word: Supervision, alive: bool, reason: str
) -> None:
    assert (complaint(beat, word, 1090.0, alive=alive) or "").startswith(reason)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the container has /proc")
def test_a_zombie_does_not_live() -> None:
    assert files.is_alive(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not files.is_alive(child.pid)
    assert not files.is_alive(child.pid)
