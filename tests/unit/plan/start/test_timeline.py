"""What a start's time was spent on, by value."""

from __future__ import annotations

from typing import Any

import pytest

from composetasks.facts import Link, ServiceStart, Timeline
from composetasks.plan.start.timeline import critical_path, shortenings


def one(
    name: str, launched: float | None, ready: float | None, *waited_for: str, **more: Any
) -> ServiceStart:
    fields: dict[str, Any] = {"state": "up", "started": launched, **more}
    return ServiceStart(name, launched=launched, ready=ready, waited_for=waited_for, **fields)


def start(*services: ServiceStart, seconds: float = 0.0, outcome: str = "up") -> Timeline:
    longest = max(one.ready or 0.0 for one in services)
    return Timeline("shop", "run", "", "", seconds or longest, outcome, services)


DB = one("db", 0.0, 4.0)
CACHE = one("cache", 0.0, 1.0)
WEB = one("web", 4.0, 6.0, "db", "cache")


def names(timeline: Timeline) -> list[str]:
    return [link.service for link in critical_path(timeline)]


def gains(timeline: Timeline) -> list[tuple[str, float]]:
    return [(one.service, one.seconds) for one in shortenings(timeline)]


def test_the_path_goes_back_over_the_last_one_that_was_waited_for() -> None:
    assert critical_path(start(CACHE, DB, WEB)) == (Link("db", 4.0), Link("web", 2.0))


def test_services_that_wait_for_nobody_are_a_path_of_one() -> None:
    assert critical_path(start(CACHE, DB)) == (Link("db", 4.0),)


def test_a_wait_that_was_over_with_the_launch_counts_up_to_there() -> None:
    worker = one("worker", 1.0, 3.0, "master")
    assert critical_path(start(one("master", 0.0, 2.0), worker)) == (
        Link("master", 1.0),
        Link("worker", 2.0),
    )


def test_the_path_of_a_failed_start_ends_with_what_failed() -> None:
    failed = one("web", 4.0, None, "db", state="failed")
    later = one("late", None, None, "web", state="waiting")
    timeline = start(DB, one("slow", 0.0, 8.0), failed, later, seconds=9.0, outcome="failed")
    assert critical_path(timeline) == (Link("db", 4.0), Link("web", 5.0))
    assert shortenings(timeline) == ()


def test_what_was_never_launched_is_reached_through_what_it_waited_for() -> None:
    never = one("one", None, None, "job", state="failed")
    timeline = start(one("job", 0.0, 1.0), never, seconds=2.0, outcome="failed")
    assert names(timeline) == ["job", "one"]


def test_what_could_be_done_without_counts_up_to_its_failure() -> None:
    ill = one("ill", 0.0, None, state="failed", failed=3.0)
    web = one("web", 3.1, 5.0, "cache", "ill")
    assert critical_path(start(CACHE, ill, web)) == (Link("ill", 3.1), Link("web", 1.9))
    # To be up sooner is no advice to what can't be up; to wait for it no longer is.
    assert gains(start(CACHE, ill, web)) == [("web", 1.9), ("web", 2.0)]


def test_an_interrupted_start_ends_with_what_it_still_waited_for() -> None:
    slow, waits = one("slow", 0.0, None, state="starting"), one("web", None, None, "slow")
    assert names(start(CACHE, slow, waits, seconds=3.0, outcome="interrupted")) == ["slow"]


def test_a_record_whose_services_wait_for_each_other_ends() -> None:
    timeline = start(one("a", 1.0, 2.0, "b"), one("b", 1.0, 3.0, "a"))
    assert names(timeline) == ["b"]
    never = one("a", None, None, "b"), one("b", None, None, "a")
    assert set(names(start(*never, seconds=1.0, outcome="failed"))) == {"a", "b"}


def test_a_service_is_worth_its_own_time_until_another_one_counts() -> None:
    # Without db's four seconds web could begin after cache's one.
    assert gains(start(CACHE, DB, WEB)) == [("db", 3.0), ("web", 2.0), ("web", 2.0)]


def test_what_another_service_takes_as_long_for_is_worth_nothing() -> None:
    assert gains(start(one("a", 0.0, 4.0), one("b", 0.0, 4.0))) == []


def test_a_slow_check_is_worth_no_more_than_its_interval() -> None:
    slow = one("db", 0.0, 12.0, asked_every=5.0)
    [advice] = shortenings(start(slow))
    assert advice.seconds == 4.5
    assert "only every 5 s" in advice.message


@pytest.mark.parametrize("every", [None, 0.5, 2.0])
def test_a_quick_check_or_none_is_not_to_blame(every: float | None) -> None:
    [advice] = shortenings(start(one("db", 0.0, 12.0, asked_every=every)))
    assert (advice.seconds, "itself takes 12.0 s" in advice.message) == (12.0, True)


def test_a_job_is_told_as_one() -> None:
    [advice] = shortenings(start(one("job", 0.0, 3.0, state="done")))
    assert "to complete" in advice.message


def test_a_wait_less_is_worth_what_the_others_still_take() -> None:
    [*_, wait] = shortenings(start(CACHE, DB, WEB))
    # After cache alone it is ready at 3; the start then ends with db, at 4 in place of 6.
    assert (wait.message.split(":")[0], wait.seconds) == ("web waits for db", 2.0)


def test_time_between_the_end_of_a_wait_and_the_launch_stays() -> None:
    late = one("web", 5.0, 6.0, "db")
    assert gains(start(DB, late))[0] == ("db", 4.0)
