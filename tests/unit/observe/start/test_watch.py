"""How containers ended, by the engine's events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from composetasks.observe.start.watch import Watch


class Events:
    """An engine that tells these events and no more."""

    def __init__(self, *actions: str) -> None:
        self._events = [{"Action": one, "id": "c1", "time": 1} for one in actions]

    def events(self, **_: Any) -> Iterator[dict[str, Any]]:
        return iter(self._events)


@pytest.mark.parametrize(
    ("actions", "by_itself"),
    [
        (("start", "die"), True),
        (("start", "kill", "die", "stop"), False),
        (("start", "kill", "die", "stop", "start", "die"), True),
        (("start", "die", "start"), None),
        (("start", "oom", "die"), True),
        ((), None),
    ],
)
def test_whether_a_container_ended_by_itself(
    actions: tuple[str, ...], by_itself: bool | None
) -> None:
    with Watch(cast("Any", Events(*actions)), "shop") as watch:
        while watch.changed(10.0) is not None:
            pass  # None: the stream has ended.
        assert watch.ended_by_itself("c1") is by_itself
        assert watch.asked_to_end("c1") is (by_itself is False)
