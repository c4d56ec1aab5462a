"""Instances end with the process they live for, whatever ends that, and with no other."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from composetasks.apply.instances.teardown import empty_as_root, end_instance
from composetasks.observe.engine.inventory import connect
from composetasks.run.owner import this_machine
from composetasks.run.settings import Settings
from composetasks.store import instance_folder
from composetasks.verbs.connection import EngineConnection
from composetasks.verbs.instance import Instance
from tests.engine.owners import (
    SECONDS,
    containers,
    end,
    folder,
    owner,
    ran,
    traces,
    watchers,
    write_stack,
)
from tests.engine.stacks import docker, remove_project, wait_until
from tests.project import Project

SLOW = """
services:
  first:
    image: ct-test/busybox
    init: true
    command: [sleep, "1000"]
  slow:
    image: ct-test/busybox
    init: true
    command: [sleep, "1000"]
    healthcheck: {test: [CMD, "false"], start_period: 600s}
    depends_on: {first: {condition: service_started}}
"""
LAUNCHER = """
import os, subprocess, sys
subprocess.run(sys.argv[1:], env={**os.environ, "INVOKE_STACK_OWNER": str(os.getpid())})
"""


@pytest.fixture
def stack(project: Project) -> Iterator[Project]:
    write_stack(project)
    yield project
    for name in ("one", "two", "three"):
        remove_project(f"{project.name}-{name}")


def test_a_killed_owner_leaves_nothing_of_its_instance(stack: Project) -> None:
    with owner() as one:
        ran(stack, "one", "up", pid=one.pid)
        ran(stack, "one", "up")
        assert len(watchers(stack, "one")) == 1
        end(one)
        wait_until(lambda: traces(stack, "one") == [], SECONDS)


def test_an_instance_ends_with_its_owner_and_no_other(stack: Project) -> None:
    with owner() as first, owner() as second:
        ran(stack, "one", "up", pid=first.pid)
        ran(stack, "two", "up", pid=second.pid)
        ran(stack, "three", "up")
        stays = {name: traces(stack, name) for name in ("two", "three")}
        end(first)
        wait_until(lambda: traces(stack, "one") == [], SECONDS)
        ran(stack, "", "clean-orphans", "--yes", "--force")
        assert {name: traces(stack, name) for name in ("two", "three")} == stays
    assert traces(stack, "three") == stays["three"]
    wait_until(lambda: traces(stack, "two") == [], SECONDS)


def test_a_whole_process_group_that_is_killed_in_the_middle_leaves_nothing(
    project: Project,
) -> None:
    project.compose(SLOW)
    command = [sys.executable, "-m", "invoke", "up", "--instance", "one"]
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *command],
        cwd=project.folder,
        env=project.environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: len(containers(project, "one")) == 2)
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait()
        wait_until(lambda: traces(project, "one") == [], SECONDS)
    finally:
        remove_project(f"{project.name}-one")


def test_a_task_at_work_on_the_instance_is_ended_with_it(project: Project) -> None:
    project.compose(SLOW)
    with owner() as one:
        child = project.start("up", "--instance", "one", INVOKE_STACK_OWNER=str(one.pid))
        wait_until(lambda: len(containers(project, "one")) == 2)
        end(one)
        _, err = child.communicate(timeout=SECONDS)
        assert child.returncode == 143, err
        assert "Traceback" not in err
        wait_until(lambda: traces(project, "one") == [], SECONDS)


@pytest.mark.parametrize("words", [("up",), ("clean-orphans",), ("down",)])
def test_where_no_watcher_lives_the_next_run_of_a_task_ends_it(
    stack: Project, words: tuple[str, ...]
) -> None:
    with owner() as one:
        ran(stack, "one", "up", pid=one.pid)
        for watcher in watchers(stack, "one"):
            os.kill(watcher, signal.SIGKILL)
        wait_until(lambda: watchers(stack, "one") == [])
    assert len(containers(stack, "one")) == 2
    assert "instance one is abandoned" in stack.inv("status").err
    planned = stack.plan(*words)
    assert planned[0] == ("end-instance", f"{stack.name}-one")
    assert len(containers(stack, "one")) == 2
    ran(stack, "", *words)
    assert traces(stack, "one") == []
    assert stack.plan(*words) == []


def test_a_name_whose_owner_has_ended_is_begun_again(stack: Project) -> None:
    with owner() as first:
        ran(stack, "one", "up", pid=first.pid)
        docker("exec", f"{stack.name}-one-db-1", "touch", "/data/old", "/state/old")
        for watcher in watchers(stack, "one"):
            os.kill(watcher, signal.SIGKILL)
        wait_until(lambda: watchers(stack, "one") == [])
    with owner() as second:
        ran(stack, "one", "up", pid=second.pid)
        there = docker("exec", f"{stack.name}-one-db-1", "ls", "/data", "/state")
        assert "old" not in there
        assert not (stack.folder / "state" / "old").exists()
        assert len(watchers(stack, "one")) == 1
    wait_until(lambda: traces(stack, "one") == [], SECONDS)


def test_an_instance_of_somebody_else_is_not_adopted(stack: Project) -> None:
    ran(stack, "one", "up")
    with owner() as first, owner() as second:
        ran(stack, "two", "up", pid=second.pid)
        for name, whose in (
            ("one", "was created by hand"),
            ("two", f"is owned by process {second.pid}"),
        ):
            refused = stack.inv("up", "--instance", name, INVOKE_STACK_OWNER=str(first.pid))
            assert refused.code == 9, refused.err
            assert f"instance {name} {whose}, so process {first.pid}" in refused.err
        end(first)
        assert len(containers(stack, "one")) == len(containers(stack, "two")) == 2


def test_an_owner_that_does_not_run_is_refused(stack: Project) -> None:
    with owner() as one:
        end(one)
    refused = stack.inv("up", "--instance", "one", INVOKE_STACK_OWNER=str(one.pid))
    assert refused.code == 2
    assert "is not the ID of a running process" in refused.err


def test_an_owner_can_end_its_instance_itself(stack: Project) -> None:
    with owner() as one:
        ran(stack, "one", "up", pid=one.pid)
        command = [sys.executable, "-m", "composetasks.verbs.watcher", "--now"]
        done = subprocess.run([*command, str(folder(stack, "one"))], check=False)
        assert done.returncode == 0
        left = [trace for trace in traces(stack, "one") if not trace.startswith("process")]
        assert left == []
    wait_until(lambda: traces(stack, "one") == [], SECONDS)


def test_what_containers_wrote_as_root_is_emptied_by_way_of_the_engine(tmp_path: Path) -> None:
    place = tmp_path / "state"
    (place / "deep").mkdir(parents=True)
    (place / "deep" / "file").write_text("content")
    client = connect()
    try:
        empty_as_root(client, "ct-test-emptied", place)
    finally:
        client.close()
    assert list(place.iterdir()) == []
    assert list(tmp_path.iterdir()) == [place]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an instance whose owner has ended, with a file in the folder of a volume that
    only root can remove."""
    place = tmp_path / "ct-test-ended"
    file = place / "volumes" / "pg" / "file"
    file.parent.mkdir(parents=True)
    file.write_text("content")
    instance_folder.claim_new(place, f"1 1 boot {this_machine()}")
    rmtree = shutil.rmtree

    def as_another_user(path: Path) -> None:
        if file.exists():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", as_another_user)
    return place


def test_an_instance_whose_only_folders_stand_for_volumes_ends_though_root_wrote_them(
    written: Path,
) -> None:
    client = connect()
    try:
        end_instance(client, written.name, instance_folder.recorded(written) or "", written)
    finally:
        client.close()
    assert not written.exists()


def test_the_name_of_an_ended_instance_is_used_again_though_root_wrote_its_folders(
    written: Path,
) -> None:
    engine = EngineConnection(Settings())
    try:
        Instance(written.name, written, owner=None).claim(engine)
    finally:
        engine.client.close()
    assert [one.name for one in written.iterdir()] == [instance_folder.RECORD]
    assert instance_folder.recorded(written) == instance_folder.BY_HAND
