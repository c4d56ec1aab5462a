"""Flags that take a number of seconds."""

from __future__ import annotations

import select

import pytest

from composetasks.facts import ExitCode
from composetasks.run.failure import TaskFailure
from composetasks.tasks.verb_task import number


@pytest.mark.parametrize(
    ("value", "seconds"), [("", None), (None, None), ("0", 0), ("1.5", 1.5), (60, 60)]
)
def test_a_number_of_seconds(value: object, seconds: float | None) -> None:
    assert number("timeout", value) == seconds


@pytest.mark.parametrize("value", ["1e300", "9" * 30])
def test_the_longest_wait_is_one_that_the_system_can_count(value: str) -> None:
    seconds = number("timeout", value)
    assert seconds is not None
    with pytest.raises(OverflowError):
        select.poll().poll(float(value) * 1000)
    reader = select.poll()
    with open("/dev/null") as ready:
        reader.register(ready)
        assert reader.poll(seconds * 1000)


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon", "1m"])
def test_what_is_no_number_of_seconds_is_refused(value: str) -> None:
    with pytest.raises(TaskFailure, match="--timeout takes a number of seconds") as caught:
        number("timeout", value)
    assert caught.value.code is ExitCode.USAGE
