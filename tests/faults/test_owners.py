"""Instances whose engine goes away: they end with their owner all the same, and with it alone."""

from __future__ import annotations

import os
import signal

import pytest

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
from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine
from tests.project import Project


@pytest.fixture
def stack(project: Project) -> Project:
    write_stack(project)
    return project


def test_an_owner_that_ended_while_the_engine_was_away(stack: Project, engine: OwnEngine) -> None:
    with owner() as one:
        ran(stack, "one", "up", pid=one.pid)
        engine.kill()
    assert folder(stack, "one").is_dir()
    engine.start()
    wait_until(lambda: traces(stack, "one") == [], SECONDS)


@pytest.mark.parametrize("words", [("up",), ("clean-orphans",)], ids=["up", "clean-orphans"])
def test_after_a_loss_of_power_the_next_run_of_a_task_ends_it(
    stack: Project, engine: OwnEngine, words: tuple[str, ...]
) -> None:
    """The engine, the owner and the watcher are gone at once."""
    with owner() as one:
        ran(stack, "one", "up", pid=one.pid)
        for watcher in watchers(stack, "one"):
            os.kill(watcher, signal.SIGKILL)
        engine.kill()
    engine.start()
    assert len(containers(stack, "one")) == 2
    assert stack.plan(*words)[0] == ("end-instance", f"{stack.name}-one")
    ran(stack, "", *words)
    assert traces(stack, "one") == []


def test_an_instance_with_a_live_owner_outlives_its_engine(
    stack: Project, engine: OwnEngine
) -> None:
    with owner() as one:
        ran(stack, "one", "up", pid=one.pid)
        before = traces(stack, "one")
        engine.restart()
        ran(stack, "", "clean-orphans", "--yes", "--force")
        assert traces(stack, "one") == before
        ran(stack, "one", "up")
        assert stack.plan("up", INVOKE_STACK_INSTANCE="one") == []
        end(one)
        wait_until(lambda: traces(stack, "one") == [], SECONDS)
