"""A command in a container: its words, its streams, its terminal, and its exit code."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.busybox import TAG
from tests.engine.stacks import compose, docker, own_project, wait_until
from tests.project import Project

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two services that sleep; one of them is called as a task is, and has two containers."""
    place: Path = tmp_path_factory.mktemp("exec")
    with own_project(place) as project:
        sleep = f"{{image: {TAG}, init: true, command: [sleep, '3600'], stop_grace_period: 1s"
        project.compose(f"services: {{web: {sleep}}}, build: {sleep}, scale: 2}}}}\n")
        assert project.inv("up").code == 0
        yield project


@pytest.mark.parametrize(
    "words",
    [
        ["web", "echo", "-n", "--help", "--", "up", "a  b"],
        ["build", "hostname", "-s"],
        ["--index", "2", "build", "hostname"],
        ["--user", "1000:7", "--workdir", "/tmp", "web", "sh", "-c", "id -u; id -g; pwd"],
        ["--env", "A=b=c", "--env", "TAKEN", "web", "sh", "-c", "echo $A $TAKEN"],
        ["web", "sh", "-c", "exit 7"],
        ["web", "sh", "-c", "kill -9 $$"],
        ["web", "build"],
        ["web", "/etc/passwd"],
        ["--user", "nobody-here", "web", "true"],
        ["--workdir", "/no/such", "web", "true"],
    ],
)
def test_it_is_what_compose_does(shop: Project, words: list[str]) -> None:
    ran = shop.inv("exec", *words, TAKEN="from here")
    expected = subprocess.run(
        ["docker", "compose", "exec", "-T", *words],
        cwd=shop.folder,
        env={**shop.environment, "TAKEN": "from here"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.code, ran.out, ran.err) == (expected.returncode, expected.stdout, expected.stderr)


def test_a_command_after_dashes(shop: Project) -> None:
    for words in (["web", "--", "echo", "-n", "a  b"], ["--", "web", "echo", "-n", "a  b"]):
        ran = shop.inv("exec", *words)
        assert (ran.code, ran.out) == (0, "a  b"), ran.err


def test_what_is_piped_in_reaches_the_command(shop: Project) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "invoke", "exec", "web", "wc", "-c"],
        cwd=shop.folder,
        env=shop.environment,
        input=b"x" * 300_000,
        capture_output=True,
        check=False,
    )
    assert (child.returncode, child.stdout.strip()) == (0, b"300000"), child.stderr


def test_another_task_that_holds_the_lock_does_not_matter(shop: Project) -> None:
    from composetasks.store import lock

    with lock.hold(shop.folder / ".composetasks" / "lock", "inv up", 0):
        assert shop.inv("build", "--wait-lock", "0").code == 75
        assert shop.inv("exec", "web", "true").code == 0


def at_a_terminal(project: Project, *words: str, typed: bytes, after: bytes) -> tuple[int, bytes]:
    """Run ``inv`` at a terminal of its own; type when ``after`` was printed. Code and output."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project.folder)
        argv = [sys.executable, "-m", "invoke", *words]
        os.execve(sys.executable, argv, project.environment)  # noqa: S606 - the terminal's program
    printed = b""
    with os.fdopen(terminal, "r+b", buffering=0) as stream:
        with contextlib.suppress(OSError):  # the other end was closed
            while part := stream.read(4096):
                printed += part
                if after in printed and typed:
                    stream.write(typed)
                    typed = b""
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), printed


def test_a_terminal_and_its_keys_are_the_command_s(shop: Project) -> None:
    script = (
        "test -t 0 && test -t 1 && echo at a terminal; trap 'echo got it; exit 9' INT; "
        "echo ready; while :; do sleep 0.1; done"
    )
    code, printed = at_a_terminal(
        shop, "exec", "web", "sh", "-c", script, typed=b"\x03", after=b"ready"
    )
    assert code == 9, printed
    assert b"at a terminal" in printed
    assert b"got it" in printed
    assert b"error" not in printed
    words = ("exec", "-T", "web", "sh", "-c", "test -t 0 || echo none; exit 5")
    code, printed = at_a_terminal(shop, *words, typed=b"", after=b"none")
    assert (code, b"none" in printed) == (5, True)
    code, printed = at_a_terminal(shop, "exec", "web", "sh", typed=b"exit 4\n", after=b"# ")
    assert code == 4, printed


def test_a_signal_ends_it_with_its_code(shop: Project) -> None:
    child = shop.start("exec", "web", "sh", "-c", "touch /tmp/begun; exec sleep 1000")
    web = f"{shop.name}-web-1"
    wait_until(lambda: docker("exec", web, "ls", "/tmp/begun", check=False).strip() != "")
    child.terminate()
    _, err = child.communicate(timeout=60)
    assert child.returncode in (130, 143), err
    assert "Traceback" not in err


def test_a_service_that_was_stopped_is_told_so(shop: Project) -> None:
    compose(shop, "stop", "build")
    ran = shop.inv("exec", "build", "ls")
    assert ran.code == 1
    assert f"container {shop.name}-build-1 exited with code" in ran.err
    assert "`inv up build` starts it" in ran.err
