"""What containers take, by the engine's counts; absent rather than wrong."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from composetasks.observe.engine.resource_use import SingleSample, cpu, memory


def sample(second: float, used: float, **more: Any) -> dict[str, Any]:
    """Counts at a second of a minute, ``used`` seconds of the processor until then."""
    return {
        "read": f"2026-01-31T12:00:{second:012.9f}Z",
        "cpu_stats": {"cpu_usage": {"total_usage": int(used * 1e9)}},
        "pids_stats": {"current": 2},
        **more,
    }


def of(usage: Any, **stats: Any) -> dict[str, Any]:
    return {"memory_stats": {"usage": usage, "stats": stats}, "pids_stats": {"current": 2}}


@pytest.mark.parametrize(
    ("counted", "bytes_used"),
    [
        (of(1000, inactive_file=300), 700),  # cgroup 2
        (of(1000, inactive_file=1, total_inactive_file=300), 700),  # cgroup 1
        (of(1000), 1000),
        (of(1000, inactive_file=2000), 1000),
        ({**of(1000), "memory_stats": {"usage": 1000, "stats": None}}, 1000),
        ({**of(1000), "pids_stats": {}}, None),  # the whole machine's, of an engine without cgroups
        (of(0), None),
        (of("much"), None),
        ({"memory_stats": {}}, None),  # not running
        ({"memory_stats": None}, None),
        ({}, None),
    ],
)
def test_memory_is_counted_without_cache_that_can_go(
    counted: dict[str, Any], bytes_used: int | None
) -> None:
    assert memory(counted) == bytes_used


def test_a_share_of_the_processor_is_that_of_one() -> None:
    assert cpu(sample(1.0, 5.0), sample(1.5, 5.25)) == 50.0
    assert cpu(sample(1.0, 5.0), sample(3.0, 9.0)) == 200.0
    assert cpu(sample(1.0, 5.0), sample(3.0, 5.0)) == 0.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, sample(1.0, 5.0)),
        (sample(1.0, 5.0), sample(1.0, 5.0)),
        (sample(2.0, 5.0), sample(1.0, 6.0)),
        (sample(1.0, 5.0), sample(2.0, 0.1)),  # started again
        (sample(1.0, 5.0), sample(2.0, 5.5, pids_stats={})),
        (sample(1.0, 5.0), sample(2.0, 5.0, pids_stats={"current": 0})),
        (sample(1.0, 5.0), {**sample(2.0, 6.0), "read": "0001-01-01T00:00:00Z"}),
        (sample(1.0, 5.0), {**sample(2.0, 6.0), "read": None}),
        (sample(1.0, 5.0), {**sample(2.0, 6.0), "cpu_stats": {}}),
        (sample(1.0, 5.0), {}),
        ({}, sample(2.0, 5.0)),
    ],
)
def test_a_share_that_is_not_known_is_none(
    before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    assert cpu(before, after) is None


class Together:
    """An engine that answers none before it was asked about all of them."""

    def __init__(self, count: int) -> None:
        self._all = threading.Barrier(count)

    def stats(self, key: str, **asked: Any) -> dict[str, Any]:
        self._all.wait(20)
        return {"memory_stats": {"usage": int(key)}, "pids_stats": {"current": 1}}


def test_all_containers_are_asked_about_side_by_side() -> None:
    engine: Any = Together(3)

    figures = SingleSample(engine, ("1", "2", "3")).figures()

    assert {key: one.memory for key, one in figures.items()} == {"1": 1, "2": 2, "3": 3}
