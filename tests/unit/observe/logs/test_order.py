from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from composetasks.facts import LogLine
from composetasks.observe.logs.order import HOLD_SECONDS, LONGEST_SECONDS, MOST_HELD, Ordering


def line(time: int, container: str = "a", text: str = "") -> LogLine:
    return LogLine(f"{time:09d}", container, 1, container, "stdout", text)


def test_a_line_waits_for_earlier_ones_of_others() -> None:
    order = Ordering()
    order.add([line(2, "a")], now=0.0)
    assert order.ready(now=HOLD_SECONDS / 2) == []
    order.add([line(1, "b")], now=HOLD_SECONDS / 2)
    assert order.ready(now=HOLD_SECONDS) == [line(1, "b"), line(2, "a")]


def test_later_lines_are_kept_for_their_own_time() -> None:
    order = Ordering()
    order.add([line(1)], now=0.0)
    order.add([line(3)], now=0.05)
    assert order.ready(now=HOLD_SECONDS) == [line(1)]
    assert order.due() == 0.05 + HOLD_SECONDS
    assert order.ready(now=0.05 + HOLD_SECONDS) == [line(3)]
    assert order.due() is None


def test_while_a_log_is_opened_lines_wait_for_what_it_holds() -> None:
    order = Ordering()
    order.add([line(2, "a")], now=0.0)
    order.postpone(now=HOLD_SECONDS)
    assert order.ready(now=HOLD_SECONDS) == []
    order.add([line(1, "b")], now=2 * HOLD_SECONDS)
    assert order.ready(now=2 * HOLD_SECONDS) == [line(1, "b"), line(2, "a")]


def test_a_log_that_does_not_open_holds_nothing_up_for_long() -> None:
    order = Ordering()
    order.add([line(1)], now=0.0)
    order.postpone(now=LONGEST_SECONDS - HOLD_SECONDS / 2)
    assert order.due() == LONGEST_SECONDS
    assert order.ready(now=LONGEST_SECONDS) == [line(1)]


def test_a_flood_is_not_held() -> None:
    order = Ordering()
    flood = [line(number) for number in range(MOST_HELD + 1)]
    order.add(flood, now=0.0)
    assert order.ready(now=0.0) == flood


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.integers(0, 50),
            st.floats(0, 0.05, allow_nan=False),
        ),
        max_size=30,
    )
)
def test_nothing_is_lost_or_doubled(
    arriving: list[tuple[str, int, float]],
) -> None:
    order, now = Ordering(), 0.0
    came: list[LogLine] = []
    given_out: list[LogLine] = []
    for number, (container, time, pause) in enumerate(arriving):
        now += pause
        one = line(time, container, str(number))
        came.append(one)
        order.add([one], now)
        given_out += order.ready(now)
    given_out += order.rest()
    assert sorted(given_out) == sorted(came)
