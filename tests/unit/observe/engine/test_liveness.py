"""The engine is asked now and then whether it is there."""

from __future__ import annotations

import threading
from typing import Any, cast

from composetasks.observe.engine.liveness import LivenessCheck
from composetasks.run.external_failures import silent
from composetasks.run.failure import TaskFailure


class Engine:
    """One whose answer is on its way when nobody is to ask any more."""

    base_url = "http://engine"

    def __init__(self) -> None:
        self.asked, self.answered = threading.Event(), False
        self.over = threading.Event()

    def get(self, _url: str, timeout: float) -> Any:
        self.asked.set()
        self.over.wait(timeout)
        threading.Event().wait(0.1)
        self.answered = True
        raise OSError


def test_at_its_end_no_question_is_under_way() -> None:
    engine = Engine()
    liveness = LivenessCheck(cast(Any, engine), 0.01, lambda: None)
    assert engine.asked.wait(60)
    engine.over.set()
    liveness.end()
    assert engine.answered


class Unopened:
    """A client that connects when it is first asked something; ``failures`` are what comes of it
    then, one after the other."""

    def __init__(self, *failures: TaskFailure) -> None:
        self._failures = list(failures)

    def __getattr__(self, _name: str) -> Any:
        raise self._failures.pop(0)


def test_an_engine_that_lets_no_client_connect_is_silent_too() -> None:
    told = threading.Event()
    client = Unopened(TaskFailure("it is not there"), silent(0.01))
    liveness = LivenessCheck(cast(Any, client), 0.01, told.set)
    assert told.wait(60)
    liveness.end()
