from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composetasks.facts import timestamps

NOW = 1_800_000_000.0


@pytest.fixture
def _in_hanoi(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "ICT-7")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "before_now"),
    [("10m", 600), ("1h30m", 5400), ("90s", 90), ("2d", 172800), ("1.5h", 5400), ("500ms", 0.5)],
)
def test_a_duration_lies_before_now(text: str, before_now: float) -> None:
    assert timestamps.seconds(text, NOW) == f"{NOW - before_now:.9f}"


@pytest.mark.parametrize(
    ("text", "unix"),
    [
        ("10", "10.000000000"),
        ("1136073600", "1136073600.000000000"),
        ("1136073600.000000001", "1136073600.000000001"),
        ("2006-01-02T15:04:05Z", "1136214245.000000000"),
        ("2006-01-02T15:04:05.123456789Z", "1136214245.123456789"),
        ("2006-01-02T15:04:05+07:00", "1136189045.000000000"),
        ("2006-01-02T15:04:05-0130", "1136219645.000000000"),
        ("2006-01-02 15:04Z", "1136214240.000000000"),
        ("2006-01-02Z", "1136160000.000000000"),
    ],
)
def test_a_moment_may_be_written_as_docker_takes_it(text: str, unix: str) -> None:
    assert timestamps.seconds(text, NOW) == unix


@pytest.mark.usefixtures("_in_hanoi")
@pytest.mark.parametrize("text", ["2006-01-02T15:04:05", "2006-01-02 15:04:05"])
def test_without_a_zone_it_is_the_machines_own(text: str) -> None:
    assert timestamps.seconds(text, NOW) == "1136189045.000000000"


@pytest.mark.parametrize(
    "text", ["", "soon", "10 m", "m", "-5m", "2006-13-01", "2006-01-02T25:00:00Z", "1h or so"]
)
def test_what_is_no_time_is_refused_and_says_what_may_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time: write 10m"):
        timestamps.seconds(text, NOW)


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999_999))
def test_the_engines_times_and_unix_seconds_are_the_same_moments(whole: int, nanos: int) -> None:
    stamp = f"{datetime.fromtimestamp(whole, timezone.utc):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"
    assert timestamps.unix(stamp) == f"{whole}.{nanos:09d}"
