"""Following goes on whatever happens to the containers, and each line is told once."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from tests.engine.engine_proxy import EngineProxy
from tests.engine.stacks import compose, docker, wait_until
from tests.project import Project

LONGEST_SECONDS = 40

# Each run of a container writes "RUN 1", "RUN 2" ... to its log, and the last number it wrote to
# /state/RUN before it writes it.
COUNTERS = """
x-counter: &counter
  image: ct-test/busybox
  command:
    - sh
    - -c
    - |
      run=$$(cat /proc/sys/kernel/random/uuid) i=0
      trap 'echo $$run end; exit 0' TERM
      while :; do i=$$((i+1)); echo $$i > /state/$$run; echo $$run $$i; usleep 1000; done
  volumes: ["./state:/state"]
  environment: {VERSION: "${VERSION:-1}"}
  restart: always
services:
  a: *counter
  b: *counter
"""


class Following:
    """A run of ``inv logs --follow --json`` whose lines a test waits for."""

    def __init__(self, project: Project, *arguments: str, **environment: str) -> None:
        self._child = project.start("logs", "--follow", "--json", *arguments, **environment)
        self.lines: list[Any] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            with self._changed:
                self.lines.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def runs(self, service: str = "") -> dict[str, list[str]]:
        """What each run of a container wrote, by the run."""
        result: dict[str, list[str]] = defaultdict(list)
        for line in list(self.lines):
            if line["event"] == "log" and service in ("", line["service"]):
                run, _, text = line["line"].partition(" ")
                result[run].append(text)
        return result

    def wait_for_a_new_run(self, service: str, known: set[str]) -> str:
        """The next run of a service, once it wrote ten lines."""

        def new() -> str | None:
            return next(
                (
                    run
                    for run, texts in self.runs(service).items()
                    if run not in known and len(texts) >= 10
                ),
                None,
            )

        with self._changed:
            assert self._changed.wait_for(lambda: new() is not None, LONGEST_SECONDS), service
        result = new()
        assert result is not None
        return result

    def wait_for_line(self, text: str) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(line.get("line") == text for line in self.lines), LONGEST_SECONDS
            ), text

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """End it as Ctrl-C does; its exit code and what it said to stderr."""
        self._child.send_signal(number)
        assert self._child.stderr is not None
        err = self._child.stderr.read()
        code = self._child.wait(30)
        self._reader.join()
        return code, err

    def close(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._reader.join()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def counters(project: Project) -> Iterator[Project]:
    project.compose(COUNTERS)
    (project.folder / "state").mkdir()
    yield project
    # What containers wrote belongs to root; it is theirs to remove.
    compose(project, "kill")


def assert_nothing_lost_or_doubled(project: Project, following: Following) -> None:
    runs = following.runs()
    for place in Path(project.folder, "state").iterdir():
        told = [int(text) for text in runs[place.name] if text != "end"]
        assert told == list(range(1, len(told) + 1)), place.name
        # A run that was killed may have been between the file and the log.
        assert len(told) >= int(place.read_text() or 1) - 1, place.name
    assert len(runs) == len(list(Path(project.folder, "state").iterdir()))


def test_no_line_is_lost_or_doubled_while_containers_come_and_go(counters: Project) -> None:
    name = counters.name
    compose(counters, "up", "-d")
    following = Following(counters)
    try:
        known: set[str] = set()
        for service in "ab":
            known.add(following.wait_for_a_new_run(service, known))

        docker("restart", f"{name}-a-1")
        known.add(following.wait_for_a_new_run("a", known))
        docker("exec", f"{name}-b-1", "kill", "-9", "1", check=False)
        docker("kill", f"{name}-b-1")
        docker("start", f"{name}-b-1")
        known.add(following.wait_for_a_new_run("b", known))
        compose(counters, "up", "-d", VERSION="2")  # recreates both
        for service in "ab":
            known.add(following.wait_for_a_new_run(service, known))
        docker("rm", "-f", f"{name}-b-1")
        compose(counters, "up", "-d", VERSION="2")
        known.add(following.wait_for_a_new_run("b", known))
        compose(counters, "up", "-d", "--scale", "a=2", VERSION="2")
        known.add(following.wait_for_a_new_run("a", known))
        compose(counters, "down", VERSION="2")
        compose(counters, "up", "-d", "a")
        known.add(following.wait_for_a_new_run("a", known))
        compose(counters, "stop")
        last = list(following.runs("a"))[-1]
        following.wait_for_line(f"{last} end")
        code, err = following.interrupt()
    finally:
        following.close()
    assert (code, err) == (130, "")
    assert following.lines[-1]["event"] == "error"
    assert following.lines[-1]["code"] == 130
    assert_nothing_lost_or_doubled(counters, following)


def test_no_line_is_lost_or_doubled_when_the_engine_goes_away_for_a_while(
    counters: Project, tmp_path: Path
) -> None:
    compose(counters, "up", "-d")
    with EngineProxy(tmp_path / "engine.sock") as engine:
        following = Following(counters, DOCKER_HOST=engine.address)
        try:
            known = {following.wait_for_a_new_run(service, set()) for service in "ab"}
            engine.cut()
            engine.cut(refuse=True)
            docker("restart", "-t", "1", f"{counters.name}-a-1")
            docker("rm", "-f", f"{counters.name}-b-1")
            compose(counters, "up", "-d", "b")
            engine.cut(refuse=False)
            for service in "ab":
                following.wait_for_a_new_run(service, known)
            compose(counters, "stop", "-t", "5", "a")
            following.wait_for_line(f"{list(following.runs('a'))[-1]} end")
            code, err = following.interrupt(signal.SIGTERM)
        finally:
            following.close()
    assert (code, err) == (143, "")
    runs = following.runs()
    for run, texts in runs.items():
        told = [int(text) for text in texts if text != "end"]
        assert told == list(range(1, len(told) + 1)), run


def test_following_begins_before_there_is_a_container(counters: Project) -> None:
    following = Following(counters, "a", "--tail", "0")
    try:
        assert following._child.stderr is not None
        assert "no containers yet" in following._child.stderr.readline()
        compose(counters, "up", "-d")
        following.wait_for_a_new_run("a", set())
        code, err = following.interrupt()
    finally:
        following.close()
    assert (code, err) == (130, "")
    assert {line["service"] for line in following.lines[:-1]} == {"a"}


def test_tail_limits_only_what_was_written_before(project: Project) -> None:
    script = (
        "seq 1 100; until [ -e /tmp/go ]; do usleep 50000; done; "
        "while :; do echo tick; usleep 50000; done"
    )
    project.compose(
        "services:\n"
        f"  talk: {{image: ct-test/busybox, init: true, command: [sh, -c, {script!r}]}}\n"
    )
    compose(project, "up", "-d")
    wait_until(lambda: "100" in compose(project, "logs", "--tail", "1"))

    def followed(tail: str, before: str) -> list[str]:
        following = Following(project, "--tail", tail)
        try:
            following.wait_for_line(before)
            docker("restart", "-t", "1", f"{project.name}-talk-1")
            following.wait_for_line("50")
            following.interrupt()
        finally:
            following.close()
        return [line["line"] for line in following.lines if line["event"] == "log"]

    texts = followed("2", "100")
    assert texts[:3] == ["99", "100", "1"]
    docker("exec", f"{project.name}-talk-1", "touch", "/tmp/go")
    texts = followed("0", "tick")
    assert texts[: texts.index("1")] == ["tick"] * texts.index("1")


def test_lines_of_several_containers_are_in_order_while_they_come(counters: Project) -> None:
    compose(counters, "up", "-d", "--scale", "a=3")
    following = Following(counters, "--tail", "0")
    try:
        known: set[str] = set()
        for service in "aaab":
            known.add(following.wait_for_a_new_run(service, known))
        following.interrupt()
    finally:
        following.close()
    times = [line["time"] for line in following.lines if line["event"] == "log"]
    # A line waits a tenth of a second for earlier ones; a busy machine may hand some on later than
    # that. Not put in order, about half of them would follow a later one.
    latest = list(accumulate(times, max))
    late = [time for time, before in zip(times, latest, strict=True) if time < before]
    assert len(late) <= len(times) / 5


def test_a_following_ends_at_until(counters: Project) -> None:
    compose(counters, "up", "-d")
    ends = docker("info", "--format", "{{.SystemTime}}")
    done = subprocess.run(
        ["date", "-u", "-d", f"{ends} + 3 seconds", "+%Y-%m-%dT%H:%M:%S.%NZ"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    ran = counters.inv("logs", "--follow", "--until", done, "--json")
    assert ran.code == 0
    *lines, result = ran.lines
    assert result["lines"] == len(lines) > 10
    assert max(line["time"] for line in lines) <= done
