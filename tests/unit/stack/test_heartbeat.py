from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from processing import heartbeat
from processing.heartbeat import STARTING, STREAMING, Heartbeat, complaint


def test_a_heartbeat_is_read_as_it_was_written(tmp_path: Path) -> None:
    beat = Heartbeat(12, STREAMING, 1000.5)
    file = tmp_path / "new" / "heartbeat.json"
    heartbeat.write(beat, file)
    assert heartbeat.read(file) == beat
    assert list(file.parent.iterdir()) == [file]
    heartbeat.clear(file)
    heartbeat.clear(file)
    assert heartbeat.read(file) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_torn_file_is_no_heartbeat(tmp_path: Path, text: str) -> None:
    file = tmp_path / "heartbeat.json"
    file.write_text(text)
    assert heartbeat.read(file) is None


def test_only_a_stream_that_said_so_lately_is_healthy() -> None:
    assert complaint(Heartbeat(1, STREAMING, 1000.0), now=1059.0, alive=True) is None


@pytest.mark.parametrize(
    ("beat", "now", "alive", "reason"),
    [
        (None, 0.0, False, "the job isn't running"),
        (Heartbeat(7, STREAMING, 1000.0), 1001.0, False, "the job (process 7) has ended"),
        (Heartbeat(7, STARTING, 1000.0), 1001.0, True, "the job is starting"),
        (Heartbeat(7, STREAMING, 1000.0), 1090.0, True, "the stream has said nothing for 90 s"),
    ],
)
def test_anything_else_is_told(
    beat: Heartbeat | None, now: float, alive: bool, reason: str
) -> None:
    assert complaint(beat, now, alive) == reason


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the container has /proc")
def test_a_zombie_does_not_live() -> None:
    assert heartbeat.is_alive(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not heartbeat.is_alive(child.pid)
    assert not heartbeat.is_alive(child.pid)
