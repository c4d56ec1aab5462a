"""The supervisor as a real process, over a package whose job only waits or fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import supervisor
from supervisor import kept
from supervisor.supervise import pause_seconds

from processing.settings import read_settings
from processing.submit import PACKAGES, missing_packages, submit_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs in a Linux container")

# A job as the supervisor knows it: told its version, it says how it is in a file.
JOB = """
import json, os, pathlib, signal, sys, tempfile, time
from processing import part
def say(state, why="", done=0):
    file = pathlib.Path(tempfile.gettempdir(), "processing", "heartbeat.json")
    file.parent.mkdir(exist_ok=True)
    word = dict(pid=os.getpid(), version=sys.argv[1], state=state, time=time.time())
    word.update(why=why, done=done)
    file.with_suffix(".new").write_text(json.dumps(word))
    file.with_suffix(".new").replace(file)
print("job of code", sys.argv[1], flush=True)
"""
AS_ROOT = os.geteuid() == 0
OOM = "/proc/self/oom_score_adj"
WORKS = "say('streaming', done=1)\nsignal.pause()\n"
Start = Callable[..., "Process"]

USUAL = (sys.executable, "-u", "-m", "supervisor")
SHORT_CHECK = (
    "import sys; from supervisor import __main__, supervise; supervise.CHECK_SECONDS = 1;"
    " sys.exit(__main__.main(*sys.argv[1:]))"
)
HURRIED = (sys.executable, "-u", "-c", SHORT_CHECK)
NOT_ALMIGHTY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if AS_ROOT else ()
"""What a file's mode forbids is forbidden, to root as well."""


class Process:
    """The running supervisor; its output can be waited for."""

    def __init__(self, folder: Path, command: tuple[str, ...]) -> None:
        self._command = command
        self.package = folder / "processing"
        self.told = folder / "tmp" / "processing" / "supervisor.json"
        self.state = folder / "state"
        self._folder = folder
        self.begin()

    def begin(self) -> None:
        """Starts it."""
        self.process = subprocess.Popen(
            [*self._command, str(self.package), str(self.state)],
            cwd=self._folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(Path(supervisor.__file__).parents[1]),
                "TMPDIR": str(self._folder / "tmp"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._deadline = threading.Timer(120, self.process.kill)
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

    def edit(self, name: str, text: str | bytes) -> None:
        """Replaces a file of the package."""
        content = text.encode() if isinstance(text, str) else text
        (self.package / name).write_bytes(content)

    def wait_until_kept(self) -> None:
        """The code that works is kept."""
        while kept.read(self.state) is None:
            pass

    def again(self) -> None:
        """Stops it and starts it again, as in a container that is recreated."""
        self.close()
        shutil.rmtree(self.told.parent)
        self.begin()

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
    """Starts a supervisor over a package whose job does what it is told in Python."""
    running: list[Process] = []

    def begin(job: str, part: str = "", command: tuple[str, ...] = USUAL) -> Process:
        package = tmp_path / "processing"
        package.mkdir()
        (tmp_path / "tmp" / "processing").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "part.py").write_text(part)
        (package / "submit.py").write_text(f"if __name__ == '__main__':\n{indented(JOB + job)}")
        process = Process(tmp_path, command)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.close()


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_an_edit_restarts_the_job_with_the_new_code(start: Start) -> None:
    process = start(WORKS)
    before = process.line_with("job of code")
    process.edit("part.py", "# an edit\n")
    process.line_with("the code has changed")
    assert process.line_with("job of code") != before


@pytest.mark.parametrize(
    ("edit", "mistake"),
    [
        ("def broken(:\n", "part.py, line 1: invalid syntax"),
        ("x = 1\n  y = 2\n", "part.py, line 2: unexpected indent"),
        (b"x = '\xff'", "part.py, line "),
        (b"x = 1\0", "part.py"),
        ("x = " + "(" * 5_000, "part.py"),
        ("x = " + "-" * 100_000 + "1", "part.py"),
        ("import nonexistent\n", "part.py, line 1: ModuleNotFoundError: No module named"),
        ("\n1 / 0\n", "part.py, line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "part.py, line 2: SystemExit: 3"),
        ("raise KeyboardInterrupt\n", "part.py, line 1: KeyboardInterrupt"),
        ("def f(): f()\nf()\n", "part.py, line 1: RecursionError"),
        ("from processing.submit import gone\n", "part.py, line 1: ImportError"),
        (f"raise OSError(open('{OOM}').read())\n", "part.py, line 1: OSError: 1000"),
        ("import os\nos._exit(3)\n", "the import exited with code 3"),
    ],
)
def test_an_edit_that_cannot_run_leaves_the_old_code_streaming(
    start: Start, edit: str | bytes, mistake: str
) -> None:
    process = start(WORKS)
    before = process.line_with("job of code")
    process.edit("part.py", edit)
    assert mistake in process.line_with("the edit can't run")
    told = json.loads(process.told.read_text())
    assert mistake in told["refused"]
    assert told["version"] in before
    process.edit("part.py", "# mended\n")
    process.line_with("the code has changed")
    assert process.line_with("job of code") != before
    assert json.loads(process.told.read_text())["refused"] == ""


def test_an_edit_whose_import_never_ends_is_mended_by_the_next_one(start: Start) -> None:
    process = start(WORKS)
    before = process.line_with("job of code")
    began = process.told.with_name("began")
    process.edit("part.py", f"open({str(began)!r}, 'w').close()\nwhile True: pass\n")
    while not began.exists():
        assert process.process.poll() is None
    process.edit("part.py", "# mended\n")
    assert "edited again before it was imported" in process.line_with("the edit can't run")
    process.line_with("the code has changed")
    assert process.line_with("job of code") != before


def test_an_edit_whose_import_never_ends_is_refused_after_a_time(start: Start) -> None:
    process = start(WORKS, command=HURRIED)
    process.line_with("job of code")
    process.edit("part.py", "while True: pass\n")
    assert "not imported within 1 s" in process.line_with("the edit can't run")


def test_a_file_that_can_not_be_read_is_told_until_it_can(start: Start) -> None:
    process = start(WORKS, command=(*NOT_ALMIGHTY, *USUAL))
    process.line_with("job of code")
    edit = process.package.with_name("edit")
    edit.write_text("# an edit\n")
    edit.chmod(0)
    edit.replace(process.package / "part.py")
    process.line_with("the code can't be read: [Errno 13] Permission denied")
    assert "part.py" in json.loads(process.told.read_text())["refused"]
    (process.package / "part.py").chmod(0o644)
    process.line_with("the code has changed")
    process.line_with("job of code")
    assert json.loads(process.told.read_text())["refused"] == ""


def test_while_the_code_is_gone_the_job_runs_on(start: Start) -> None:
    process = start(WORKS)
    before = process.line_with("job of code")
    process.wait_until_kept()
    away = process.package.rename(process.package.with_name("away"))
    process.package.mkdir()
    process.line_with(f"there is no code in {process.package}")
    process.again()
    process.line_with(f"there is no code in {process.package}")
    assert process.line_with("job of code") == before
    process.package.rmdir()
    away.rename(process.package)
    process.line_with("again")
    process.edit("part.py", "# an edit\n")
    process.line_with("the code has changed")


def test_a_module_that_is_removed_is_missed_where_it_is_used(start: Start) -> None:
    process = start(WORKS)
    process.line_with("job of code")
    process.edit("another.py", "from processing import part\n")
    process.line_with("the code has changed")
    process.line_with("job of code")
    (process.package / "part.py").unlink()
    assert "another.py, line 1: ImportError" in process.line_with("the edit can't run")
    process.edit("part.py", "")
    process.line_with("again")


def test_an_edit_that_is_taken_back_is_forgotten(start: Start) -> None:
    process = start(WORKS)
    process.line_with("job of code")
    process.edit("part.py", "import nonexistent\n")
    process.line_with("the edit can't run")
    process.edit("part.py", "")
    process.line_with("again")
    assert json.loads(process.told.read_text())["refused"] == ""


def test_code_that_turns_out_not_to_work_gives_way_to_the_code_that_did(start: Start) -> None:
    process = start("part.check()\n" + WORKS, part="def check(): pass\n")
    before = process.line_with("job of code")
    process.edit("part.py", "def check(): return nonexistent\n")
    process.line_with("the code has changed")
    assert "NameError: name 'nonexistent' is not defined" in process.line_with("exited with code 1")
    assert "NameError" in process.line_with("the edit can't run")
    assert process.line_with("job of code") == before


def test_code_that_had_nothing_to_do_yet_is_not_taken_for_code_that_works(start: Start) -> None:
    job = "say('streaming')\npart.check()\n" + WORKS
    process = start(job, part="def check(): pass\n")
    before = process.line_with("job of code")
    process.wait_until_kept()
    process.edit("part.py", "def check():\n    raise RuntimeError\n")
    process.line_with("the job exited with code 1")
    process.line_with("the job exited with code 1")
    process.line_with("the edit can't run")
    assert process.line_with("job of code") == before


def test_what_is_around_the_job_is_not_the_codes_fault(start: Start) -> None:
    process = start("part.check()\n" + WORKS, part="def check(): pass\n")
    process.line_with("job of code")
    process.wait_until_kept()
    process.edit("part.py", "import sys\ndef check(): sys.exit(5)\n")
    process.line_with("the code has changed")
    new = process.line_with("job of code")
    for _ in range(3):
        process.line_with("the job exited with code 5")
        assert process.line_with("job of code") == new


@pytest.mark.parametrize("job", [WORKS, "say('streaming')\nsignal.pause()\n"])
def test_what_worked_comes_back_in_a_new_container(start: Start, job: str) -> None:
    process = start(job)
    before = process.line_with("job of code")
    process.wait_until_kept()
    process.edit("part.py", "import nonexistent\n")
    process.line_with("the edit can't run")
    process.again()
    refused = process.line_with("spark-processor:")
    assert "the edit can't run (part.py, line 1: ModuleNotFoundError" in refused
    assert process.line_with("job of code") == before
    told = json.loads(process.told.read_text())
    assert told["version"] in before
    assert f"code {told['version']} stays" in told["refused"]
    process.edit("part.py", "# mended\n")
    process.line_with("the code has changed")
    assert process.line_with("job of code") != before
    assert json.loads(process.told.read_text())["refused"] == ""


def test_code_that_fails_when_the_container_is_recreated_gives_way_to_what_worked(
    start: Start,
) -> None:
    process = start("part.check()\n" + WORKS, part="def check(): pass\n")
    before = process.line_with("job of code")
    process.wait_until_kept()
    process.close()
    process.edit("part.py", "def check(): return nonexistent\n")
    process.again()
    assert process.line_with("job of code") != before
    process.line_with("the edit can't run (the job exited with code 1: NameError")
    assert process.line_with("job of code") == before


def test_a_damaged_copy_is_none(start: Start) -> None:
    process = start(WORKS)
    process.line_with("job of code")
    process.wait_until_kept()
    copy = process.state / kept.FILE
    copy.write_bytes(copy.read_bytes()[:-30])
    process.edit("part.py", "import nonexistent\n")
    process.again()
    process.line_with("mend it, and it is started")
    process.edit("part.py", "")
    process.line_with("job of code")


def test_where_nothing_can_be_kept_the_job_runs_on(start: Start, tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    process = start(WORKS)
    process.line_with("the code that works can't be kept")
    process.edit("part.py", "# an edit\n")
    process.line_with("the code has changed")
    process.line_with("job of code")


def test_while_nothing_can_be_written_the_job_is_waited_for(start: Start, tmp_path: Path) -> None:
    process = start(WORKS)
    process.line_with("job of code")
    scratch = process.told.parent / "code"
    scratch.rename(tmp_path / "scratch")
    scratch.touch()
    process.edit("part.py", "# an edit\n")
    process.line_with("the edit can't be tried yet")
    scratch.unlink()
    process.line_with("the code has changed")
    new = process.line_with("job of code")
    process.close()
    shutil.rmtree(process.told.parent)
    process.told.parent.mkdir()
    scratch.touch()
    process.begin()
    process.line_with("the job can't be started")
    process.line_with("the job can't be started")
    scratch.unlink()
    assert process.line_with("job of code") == new


def test_a_full_disk_is_not_the_codes_fault(start: Start) -> None:
    process = start("part.check()\n" + WORKS, part="def check(): pass\n")
    process.line_with("job of code")
    process.wait_until_kept()
    why = "java.io.IOException: No space left on device"
    process.edit("part.py", f"import sys\ndef check(): sys.exit({why!r})\n")
    process.line_with("the code has changed")
    new = process.line_with("job of code")
    for _ in range(3):
        process.line_with(f"the job exited with code 1: {why}")
        assert process.line_with("job of code") == new


def test_code_that_can_not_run_from_the_first_is_waited_for(start: Start) -> None:
    process = start(WORKS, part="import nonexistent\n")
    assert "part.py, line 1" in process.line_with("the edit can't run")
    process.edit("part.py", "")
    process.line_with("job of code")


def test_a_failed_job_is_started_again_and_says_why_it_failed(start: Start) -> None:
    process = start("say('failed', 'the models are gone')\nsys.exit(7)")
    for _ in range(3):
        process.line_with("the job exited with code 7: the models are gone")
        process.line_with("job of code")


@pytest.mark.parametrize("code", [4, 6])
def test_a_job_that_says_trying_again_is_of_no_use_is_believed(start: Start, code: int) -> None:
    process = start(f"sys.exit({code})")
    process.line_with(f"the job exited with code {code}")
    assert process.process.wait() == code


def test_a_job_that_was_killed_is_told_as_such(start: Start) -> None:
    process = start("print('WARN', file=sys.stderr)\nos.kill(os.getpid(), signal.SIGKILL)")
    process.line_with("the job exited with code 137: killed by signal 9")


def test_it_ends_the_job_when_it_is_to_end(start: Start) -> None:
    process = start(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('told to end', flush=True)))\n"
        f"print('listening', flush=True)\n{WORKS}"
    )
    process.line_with("listening")
    process.process.send_signal(signal.SIGTERM)
    process.line_with("told to end")
    assert process.process.wait() == 143


def test_pauses_grow_up_to_a_limit() -> None:
    assert [pause_seconds(failures) for failures in (1, 2, 3, 6, 7, 99)] == [1, 2, 4, 32, 60, 60]


def test_the_command_holds_no_secret() -> None:
    settings = read_settings(
        {"POSTGRES_PASSWORD_FILE": str(Path(__file__).with_name("password.txt"))}
    )
    command = submit_command(settings, Path("job.py"), Path("processing.zip"), "0123456789ab", [])
    assert command[:3] == ["spark-submit", "--master", "spark://spark-master:7077"]
    assert command[-2:] == ["job.py", "0123456789ab"]
    assert "wordpass" not in " ".join(command)


def test_what_spark_has_among_its_jars_is_not_fetched(tmp_path: Path) -> None:
    assert missing_packages(tmp_path) == list(PACKAGES)
    for package in PACKAGES:
        _, artifact, version = package.split(":")
        (tmp_path / f"{artifact}-{version}.jar").touch()
    assert missing_packages(tmp_path) == []


def test_the_image_has_the_packages_of_the_job() -> None:
    script = (Path(__file__).parents[3] / "compose/spark/classes/make.sh").read_text()
    assert f"connectors={','.join(PACKAGES)}\n" in script
