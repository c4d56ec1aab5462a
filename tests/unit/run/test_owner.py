"""The process an instance lives for is told apart from every other one there has been."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composetasks.run import owner
from composetasks.run.owner import Owner


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    result = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield result
    result.kill()
    result.wait()


def living(pid: int) -> Owner:
    result = owner.of(pid)
    assert result is not None
    return result


def test_a_running_process_lives() -> None:
    assert owner.alive(living(os.getpid()))


def test_a_label_gives_the_owner_back() -> None:
    mine = living(os.getpid())
    assert owner.parse(mine.text) == mine


@given(st.text())
def test_a_text_names_an_owner_or_none(text: str) -> None:
    result = owner.parse(text)
    assert result is None or result.pid == int(text.split(" ")[0])


def test_another_start_or_boot_is_another_process() -> None:
    mine = living(os.getpid())
    assert not owner.alive(replace(mine, started="1"))
    assert not owner.alive(replace(mine, boot="another"))


def test_a_process_of_another_machine_is_never_taken_for_dead() -> None:
    assert owner.alive(Owner(1, "1", "another", "elsewhere"))


def test_a_process_that_ended_does_not_live_even_before_it_is_reaped(
    child: subprocess.Popen[bytes],
) -> None:
    result = living(child.pid)
    child.kill()
    assert owner.wait_for_end(result, 20)
    assert not owner.alive(result)
    assert owner.of(child.pid) is None


def test_no_process_has_the_id_of_one_that_was_reaped(child: subprocess.Popen[bytes]) -> None:
    result = living(child.pid)
    child.kill()
    child.wait()
    assert not owner.alive(result)
    assert owner.wait_for_end(result, 20)


@pytest.mark.parametrize("wait", [owner.wait_for_end, owner._poll_for_end])
def test_the_end_is_waited_for(child: subprocess.Popen[bytes], wait: object) -> None:
    assert callable(wait)
    result = living(child.pid)
    assert not wait(result, 0.01)
    threading.Timer(0.1, child.kill).start()
    assert wait(result, 20)
