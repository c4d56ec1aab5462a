"""The supervisor as a real process, over a spark-submit that only waits or fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processing import run
from processing.settings import read_settings
from processing.source import FOLDER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs in a Linux container")

WAITS = "signal.pause()"
Start = Callable[[str], "Supervisor"]


class Supervisor:
    """The running process; its output can be waited for."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.package = folder / "processing"
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "processing.run"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._deadline = threading.Timer(60, self.process.kill)
        self._deadline.start()

    def line_with(self, text: str) -> str:
        """The next line of output that holds the text."""
        assert self.process.stdout is not None
        seen = ""
        for line in self.process.stdout:
            seen += line
            if text in line:
                return line
        raise AssertionError(f"no {text!r} in:\n{seen}")

    def code(self) -> int:
        """The exit code, once it ends."""
        return self.process.wait()

    def close(self) -> None:
        self._deadline.cancel()
        # Politely first: killed, it would leave its job behind.
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a supervisor over a copy of the package; the job does what it is told in Python."""
    running: list[Supervisor] = []

    def begin(job: str) -> Supervisor:
        shutil.copytree(FOLDER, tmp_path / "processing", ignore=shutil.ignore_patterns("__*__"))
        submit = tmp_path / "bin" / "spark-submit"
        submit.parent.mkdir()
        submit.write_text(
            f"#!{sys.executable}\nimport signal, sys\n"
            f"print('job of code', sys.argv[-1], flush=True)\n{job}\n"
        )
        submit.chmod(0o755)
        temporary = tmp_path / "tmp"
        temporary.mkdir()
        environment = {
            "PATH": f"{submit.parent}:{os.environ['PATH']}",
            "POSTGRES_PASSWORD": "wordpass",
            "TMPDIR": str(temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        supervisor = Supervisor(tmp_path, environment)
        running.append(supervisor)
        return supervisor

    yield begin
    for supervisor in running:
        supervisor.close()


def test_an_edit_restarts_the_job_with_the_new_code(start: Start) -> None:
    supervisor = start(WAITS)
    before = supervisor.line_with("job of code")
    with (supervisor.package / "scoring.py").open("a") as file:
        file.write("# an edit\n")
    supervisor.line_with("the code has changed")
    assert supervisor.line_with("job of code") != before


def test_an_edit_of_the_supervisor_itself_counts_as_well(start: Start) -> None:
    supervisor = start(WAITS)
    supervisor.line_with("job of code")
    file = supervisor.package / "run.py"
    file.write_text(file.read_text().replace('"submitting code ', '"edited: submitting code '))
    supervisor.line_with("edited: submitting code")


def test_code_that_cannot_run_leaves_the_job_alone(start: Start) -> None:
    supervisor = start(WAITS)
    before = supervisor.line_with("job of code")
    file = supervisor.package / "scoring.py"
    good = file.read_text()
    file.write_text(good + "def broken(:\n")
    supervisor.line_with("the new code can't run (scoring.py, line")
    file.write_text(good + "# mended\n")
    supervisor.line_with("the code has changed")
    assert supervisor.line_with("job of code") != before


def test_a_failed_job_is_submitted_again(start: Start) -> None:
    supervisor = start("sys.exit(7)")
    supervisor.line_with("the job ended with code 7 (1 of 5)")
    supervisor.line_with("job of code")
    supervisor.line_with("the job ended with code 7 (2 of 5)")


def test_a_job_that_says_trying_again_is_of_no_use_is_believed(start: Start) -> None:
    assert start("sys.exit(4)").code() == 4


def test_it_ends_the_job_when_it_is_to_end(start: Start) -> None:
    supervisor = start(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('told to end', flush=True)))\n"
        f"print('listening', flush=True)\n{WAITS}"
    )
    supervisor.line_with("listening")
    supervisor.process.send_signal(signal.SIGTERM)
    supervisor.line_with("told to end")
    assert supervisor.code() == 143


def test_the_command_holds_no_secret() -> None:
    settings = read_settings({"POSTGRES_PASSWORD": "wordpass"})
    command = run.submit_command(settings, Path("job.py"), Path("processing.zip"), "0123456789ab")
    assert command[:3] == ["spark-submit", "--master", "spark://spark-master:7077"]
    assert command[-2:] == ["job.py", "0123456789ab"]
    assert "wordpass" not in " ".join(command)


def test_pauses_grow_up_to_a_limit() -> None:
    assert [run.pause_seconds(failures) for failures in (1, 2, 3, 4, 5, 6)] == [1, 2, 4, 8, 16, 16]
