"""Logs of real containers."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading

import pytest

from tests.engine.stacks import compose, docker
from tests.project import Project

TALKERS = """
services:
  first:
    image: ct-test/busybox
    command: [sh, -c, "for n in 1 2 3; do echo first $$n; usleep 30000; done; echo bad >&2"]
  second:
    image: ct-test/busybox
    command: [sh, -c, "for n in 1 2 3; do echo second $$n; usleep 30000; done"]
    deploy: {replicas: 2}
  silent:
    image: ct-test/busybox
    command: ["true"]
  unreadable:
    image: ct-test/busybox
    command: [echo, secret]
    logging: {driver: none}
    profiles: [more]
"""


@pytest.fixture
def talkers(project: Project) -> Project:
    project.compose(TALKERS)
    start(project, "first", "second", "silent")
    return project


def start(project: Project, *services: str) -> None:
    """Start services by Compose, and wait until their containers ended."""
    compose(project, "up", "-d", *services)
    compose(project, "wait", *services, check=False)  # ends with their own codes


def test_lines_of_all_services_come_in_the_order_they_were_written(talkers: Project) -> None:
    ran = talkers.inv("logs", "--json")
    assert ran.code == 0, ran.err
    *lines, result = ran.lines
    assert len(lines) == 10 == result["lines"]
    # The engine reads both streams of a container side by side, and may write them in turn.
    [bad] = [line for line in lines if line["stream"] == "stderr"]
    assert (bad["line"], bad["container"]) == ("bad", f"{talkers.name}-first-1")
    lines.remove(bad)
    times = [line["time"] for line in lines]
    assert times == sorted(times)
    texts = [line["line"] for line in lines if line["service"] == "first"]
    assert texts == ["first 1", "first 2", "first 3"]


def test_replicas_have_their_number_and_a_single_container_only_its_service(
    talkers: Project,
) -> None:
    ran = talkers.inv("logs")
    names = {line.split("|")[0].rstrip() for line in ran.out.splitlines()}
    assert names == {"first", "second-1", "second-2"}


def test_single_services_are_named_by_bare_words(talkers: Project) -> None:
    ran = talkers.inv("logs", "first", "silent")
    assert ran.out.splitlines() == [
        "first  | first 1",
        "first  | first 2",
        "first  | first 3",
        "first  | bad",
    ]


def test_tail_takes_the_last_lines_of_each_container(talkers: Project) -> None:
    ran = talkers.inv("logs", "--tail", "1", "--json")
    assert sorted(line["line"] for line in ran.lines[:-1]) == ["bad", "second 3", "second 3"]
    ran = talkers.inv("logs", "--tail", "1", "--grep", r"\d$", "first")
    assert ran.out == "first | first 3\n"
    assert talkers.inv("logs", "--tail", "0").out == ""


def test_lines_are_chosen_by_expressions(talkers: Project) -> None:
    ran = talkers.inv("logs", "first", "--grep", "first|bad", "--exclude", "[12]$")
    # The engine may write the lines of both streams in turn.
    assert sorted(ran.out.splitlines()) == ["first | bad", "first | first 3"]


def test_lines_are_chosen_by_time(talkers: Project) -> None:
    lines = talkers.inv("logs", "first", "--exclude", "bad", "--json").lines
    second, third = lines[1]["time"], lines[2]["time"]
    between = talkers.inv("logs", "first", "--exclude", "bad", "--since", second, "--until", third)
    assert between.out.splitlines() == ["first | first 2", "first | first 3"]
    assert talkers.inv("logs", "--until", "10m").out == ""
    assert len(talkers.inv("logs", "--since", "10m").out.splitlines()) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grep", "("], "'(' is not a regular expression"),
        (["--exclude", "*"], "'*' is not a regular expression"),
        (["--since", "yesterday"], "'yesterday' is not a time"),
        (["--until", "10 m"], "'10 m' is not a time"),
        (["--tail", "-1"], "--tail takes a number of lines or all"),
        (["frist"], "did you mean first"),
    ],
)
def test_a_bad_argument_is_refused_by_name(
    project: Project, arguments: list[str], message: str
) -> None:
    project.compose(TALKERS)
    ran = project.inv("logs", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


def test_before_there_are_containers_there_is_nothing_to_show(project: Project) -> None:
    project.compose(TALKERS)
    ran = project.inv("logs", "--json")
    assert (ran.code, ran.lines[-1]["lines"]) == (0, 0)
    assert "no containers" in ran.err


def test_a_log_that_cannot_be_read_is_named_and_the_others_are_shown(talkers: Project) -> None:
    start(talkers, "unreadable")
    ran = talkers.inv("logs", "unreadable", "first", "--tail", "1")
    assert ran.code == 0
    assert ran.out.splitlines() == ["first      | bad"]
    assert f"{talkers.name}-unreadable-1" in ran.err
    assert "does not support reading" in ran.err


def test_a_reader_that_has_enough_is_no_failure(project: Project) -> None:
    project.compose("services:\n  much: {image: ct-test/busybox, command: [seq, '1', '200000']}\n")
    start(project, "much")
    child = project.start("logs")
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline() == "much | 1\n"
    child.stdout.close()
    err = child.stderr.read()
    assert (child.wait(30), err) == (0, "")
    child.stderr.close()


def test_long_lines_and_odd_bytes_pass_unchanged(project: Project) -> None:
    script = r"head -c 40000 /dev/zero | tr '\0' x; echo; printf 'caf\351 \033[31mred\033[0m\n'"
    project.compose(
        f"services:\n  odd:\n    image: ct-test/busybox\n    command: [sh, -c, {script!r}]\n"
        "    logging: {driver: local}\n"  # the usual driver keeps JSON, which has text alone
    )
    start(project, "odd")
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "logs"],
        cwd=project.folder,
        env=project.environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    long, odd = done.stdout.splitlines()
    assert long == b"odd | " + b"x" * 40000
    assert odd == b"odd | caf\xe9 \x1b[31mred\x1b[0m"


def test_on_a_terminal_services_have_colours_and_escapes_of_programs_are_gone(
    project: Project,
) -> None:
    script = r"printf '\033[2J\033]0;title\007\033[31mred\033[0m\r\n'"
    project.compose(
        f"services:\n  evil:\n    image: ct-test/busybox\n    command: [sh, -c, {script!r}]\n"
    )
    start(project, "evil")
    environment = {**project.environment, "TERM": "xterm-256color"}
    del environment["NO_COLOR"]
    assert on_a_terminal(project, environment, "logs") == b"\x1b[36mevil | \x1b[0mred\r\n"


def on_a_terminal(project: Project, environment: dict[str, str], *arguments: str) -> bytes:
    """What ``inv`` writes to a terminal."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=project.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    results: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                results.append(data)
        except OSError:  # how Linux says that nobody holds the other end any more
            pass

    reader = threading.Thread(target=read)
    reader.start()
    _, err = child.communicate(timeout=60)
    reader.join()
    os.close(ours)
    assert (child.returncode, err) == (0, b"")
    return b"".join(results)


def test_a_container_with_a_terminal_is_read_too(project: Project) -> None:
    project.compose(
        "services:\n  tty: {image: ct-test/busybox, command: [echo, hello], tty: true}\n"
    )
    start(project, "tty")
    assert project.inv("logs").out == "tty | hello\n"


def test_one_off_containers_and_other_projects_are_left_out(talkers: Project) -> None:
    name = f"{talkers.name}-other"
    docker("run", "--network", "none", "--name", name, "ct-test/busybox", "echo", "other")
    try:
        compose(talkers, "run", "first", "echo", "one-off")
        ran = talkers.inv("logs")
    finally:
        docker("rm", "-f", name)
    assert "other" not in ran.out
    assert "one-off" not in ran.out
