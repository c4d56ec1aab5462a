"""The smoke test: runs the tasks that users run, on the whole real stack, in an isolated copy.

    nox -s smoke [-- --keep]

It copies the files that git tracks, creates an instance of the stack from them (own project, ports,
volumes, names), runs the tasks in it one after another, and removes everything again. The owner of
the instance is nox (or this program, if run directly): when the owner ends, for whatever reason,
the instance is removed. The output of each step is kept in ``.composetasks/smoke/``, with a JUnit
report of all steps; the output of a failed step is shown, and the run folders are kept too. With
``--keep`` the instance stays until somebody ends it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".composetasks" / "smoke"
OWNER = "COMPOSETASKS_SMOKE_OWNER"
"""Names the process that owns the instance; nox sets it."""
COPIES = "composetasks-smoke-"
INSTANCES = ".composetasks/instances/*/owner.json"
FROM_DOTENV = ("COMPOSE_FILE", "BASE_IMAGE")
"""The variables for image sources that are taken from the machine's own `.env`; no others are."""
NOT_IN_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105
EDITED = Path("compose/processing/scoring.py")


class StepFailed(Exception):
    """A step exited with another code than expected."""


@dataclass
class Smoke:
    """One run: the copy that it works in, and the duration of each step."""

    copy: Path
    instance: str
    log: Path
    owner: str
    times: list[tuple[str, float]] = field(default_factory=list)
    failed: str = ""
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def environment(self) -> dict[str, str]:
        """The environment of a user with a fresh clone, plus this machine's image source."""
        own = dotenv_values(ROOT / ".env")
        chosen = {name: own[name] for name in FROM_DOTENV if own.get(name)}
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "INVOKE_"))}
        return {
            **kept,
            **{name: str(value) for name, value in chosen.items()},
            PASSWORD: self.password,
            "INVOKE_STACK_INSTANCE": self.instance,
            "INVOKE_STACK_OWNER": self.owner,
        }

    @property
    def place(self) -> Path:
        """The instance's folder."""
        return self.copy / ".composetasks" / "instances" / self.instance

    def step(self, name: str, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Run ``inv`` with ``arguments`` in the copy; keep its output and return it."""
        print(f"smoke: {name} ...", flush=True)
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *arguments],
            cwd=self.copy,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        took = time.monotonic() - began
        self.times.append((name, took))
        number = len(self.times)
        (self.log / f"{number:02d}-{name.replace(' ', '-')}.log").write_text(done.stdout, "utf-8")
        if done.returncode not in codes:
            wanted = " or ".join(map(str, codes))
            raise StepFailed(
                f"`inv {' '.join(arguments)}` ended with {done.returncode}, not {wanted}:\n"
                f"{done.stdout[-8000:]}"
            )
        print(f"smoke: {name} took {took:.1f} s", flush=True)
        return done.stdout

    def inspect(self) -> str:
        """The output of `docker inspect` for all containers of the instance."""
        label = f"label=com.docker.compose.project.working_dir={self.copy / 'compose'}"
        ids = _output("docker", "ps", "-aq", "--no-trunc", "--filter", label).split()
        expect(bool(ids), f"no container has {label}", "")
        return _output("docker", "inspect", *ids)


def copy_tracked(to: Path) -> None:
    """Copy the files that git tracks, with their content on disk."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, to / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def run(smoke: Smoke) -> None:
    """Run the tasks of a typical day with the stack."""
    checks = smoke.step("doctor", "doctor", codes=(0, 1))
    print(checks, flush=True)
    smoke.step("build", "build")
    smoke.step("up", "up")
    smoke.step("status", "status", "--json")
    expect(smoke.password not in smoke.inspect(), "`docker inspect` shows the password", "")
    again = smoke.step("up again", "up", "--plan", "--exit-code")
    expect("nothing to do" in again, "a second up has something to do", again)
    first = code_version(smoke.step("verify", "verify"))
    edited = smoke.copy / EDITED
    with edited.open("a", encoding="utf-8") as stream:
        stream.write("\n# One line more: the job must restart with it.\n")
    smoke.step("up after an edit", "up")
    second = code_version(smoke.step("verify after an edit", "verify"))
    expect(first != second, f"both posts were scored by code {first}", "")
    logs = smoke.step("logs", "logs", "spark-processor", "--tail", "20")
    expect("spark-processor" in logs, "the logs show nothing of spark-processor", logs)
    smoke.step("snapshot", "snapshot", "day")
    smoke.step("reset-state refused", "reset-state", codes=(4,))
    smoke.step("reset-state", "reset-state", "--yes", "--no-snapshot")
    smoke.step("restore", "restore", "day", "--yes", "--no-snapshot")
    smoke.step("verify after a restore", "verify")


def bystander() -> dict[str, str]:
    """The state of the developer's own stack, which a smoke test must not change: its containers
    with their start times, its volumes, and the files of the work tree."""
    found = subprocess.run(
        ["docker", "compose", "config", "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    seen = {"files": _output("git", "status", "--porcelain") + _output("git", "diff", "HEAD")}
    if found.returncode == 0:
        project = f"label=com.docker.compose.project={json.loads(found.stdout)['name']}"
        ids = _output("docker", "ps", "-aq", "--no-trunc", "--filter", project).split()
        form = "{{.Id}} {{.Name}} {{.State.StartedAt}} {{.Image}}"
        seen["containers"] = _output("docker", "inspect", "--format", form, *ids) if ids else ""
        form = "{{.Name}} {{.CreatedAt}}"
        names = _output("docker", "volume", "ls", "-q", "--filter", project).split()
        inspect = ("docker", "volume", "inspect", "--format", form, *names)
        seen["volumes"] = _output(*inspect) if names else ""
    return seen


def _output(*argv: str) -> str:
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def code_version(output: str) -> str:
    """The version of the code that scored the marked post, from the check's output."""
    words = output.split()
    expect("code" in words, "the check does not say which code scored the post", output)
    return words[words.index("code") + 1]


def expect(condition: bool, message: str, output: str) -> None:
    if not condition:
        raise StepFailed(f"{message}\n{output[-8000:]}")


def take_away(smoke: Smoke) -> None:
    """Remove everything of the instance: first with the task, then, whatever its result,
    completely."""
    try:
        smoke.step("down", "down")
    except StepFailed as failure:
        print(f"smoke: {failure}", file=sys.stderr)
    if smoke.place.is_dir():
        watcher = [sys.executable, "-m", "composetasks.verbs.watcher", "--now", str(smoke.place)]
        ended = subprocess.run(watcher, env=smoke.environment(), check=False)
        if ended.returncode != 0:
            print(f"smoke: instance {smoke.instance} is not gone yet", file=sys.stderr)


def remove_old_copies() -> None:
    """Remove the copies of smoke tests that were killed: copies in use are locked, and a copy that
    was kept or is not removed yet contains an instance."""
    for copy in Path(tempfile.gettempdir()).glob(f"{COPIES}*"):
        with contextlib.suppress(OSError):
            lock = os.open(copy, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not list(copy.glob(INSTANCES)):
                    shutil.rmtree(copy)
            finally:
                os.close(lock)


def guarded(smoke: Smoke, what: Callable[[Smoke], None], *, keep: bool) -> int:
    """Run ``what``, and remove the instance in any case, unless ``keep``."""
    try:
        what(smoke)
    except (StepFailed, KeyboardInterrupt) as failure:
        print(f"smoke: FAILED: {failure}", file=sys.stderr)
        smoke.failed = str(failure) or "interrupted"
        kept = smoke.copy / ".composetasks"
        if kept.is_dir():
            shutil.copytree(kept, smoke.log / "composetasks", dirs_exist_ok=True)
        print(f"smoke: everything it left is in {smoke.log}", file=sys.stderr)
        return 1
    finally:
        if keep:
            print(f"smoke: kept instance {smoke.instance} in {smoke.copy}")
            print(f"smoke: `inv down --instance {smoke.instance}` there stops it")
        else:
            take_away(smoke)
            shutil.rmtree(smoke.copy, ignore_errors=True)
    return 0


def junit(smoke: Smoke) -> bytes:
    """The steps as a JUnit report; a failure is recorded at the last step that ran."""
    suite = ElementTree.Element("testsuite", name="smoke")
    suite.set("failures", "1" if smoke.failed else "0")
    suite.set("time", f"{sum(took for _, took in smoke.times):.3f}")
    named = [(name, took) for name, took in smoke.times if name != "down"] or [("start", 0.0)]
    suite.set("tests", str(len(named)))
    for name, took in named:
        case = ElementTree.SubElement(suite, "testcase", classname="smoke", name=name)
        case.set("time", f"{took:.3f}")
    if smoke.failed:
        message = smoke.failed.partition("\n")[0]
        failure = ElementTree.SubElement(case, "failure", message=NOT_IN_XML.sub("", message))
        failure.text = NOT_IN_XML.sub("", smoke.failed)
    report: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return report


def interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the tasks on an isolated copy of the stack.")
    parser.add_argument("--keep", action="store_true", help="leave the instance up to look at")
    keep = bool(parser.parse_args().keep)
    signal.signal(signal.SIGTERM, interrupted)
    instance = f"smoke{os.getpid()}"
    log = KEPT / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    log.mkdir(parents=True, exist_ok=True)
    remove_old_copies()
    copy = Path(tempfile.mkdtemp(prefix=COPIES))
    fcntl.flock(os.open(copy, os.O_RDONLY), fcntl.LOCK_EX)  # until this program ends
    owner = "" if keep else os.environ.get(OWNER) or str(os.getpid())
    smoke = Smoke(copy, instance, log, owner)
    copy_tracked(smoke.copy)
    before = bystander()
    code = guarded(smoke, run, keep=keep)
    remove_old_copies()
    for kind, was in bystander().items():
        if before.get(kind) != was:
            code = 1
            failure = f"the stack's own {kind} are not what they were"
            smoke.failed = smoke.failed or failure
            print(f"smoke: FAILED: {failure}", file=sys.stderr)
    (log / "junit.xml").write_bytes(junit(smoke))
    for name, took in smoke.times:
        print(f"  {name:<24} {took:7.1f} s")
    passed = len(smoke.times) - (1 if code else 0)
    print(f"smoke: {passed} passed, {1 if code else 0} failed")
    return code


if __name__ == "__main__":
    sys.exit(main())
