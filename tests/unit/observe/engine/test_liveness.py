"""The engine is asked now and then whether it is there."""

from __future__ import annotations

import threading
from typing import Any, cast

from composetasks.observe.engine.liveness import LivenessCheck


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
