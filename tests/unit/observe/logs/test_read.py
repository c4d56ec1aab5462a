"""Frames of the engine become lines, and reading taken up again neither loses nor doubles one."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composetasks.facts import Container, LogLine, timestamps
from composetasks.observe.logs import read as logs
from composetasks.observe.logs.read import Cursor, Gap, LogError

WEB = Container(
    id="c1",
    name="shop-web-1",
    image="web",
    image_id="",
    state="running",
    labels={
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.config-hash": "abc",
        "com.docker.compose.oneoff": "False",
    },
)


@dataclass
class Raw:
    chunks: Sequence[bytes]
    chunked: bool = False

    def stream(self, _amount: int) -> Iterator[bytes]:
        return iter(self.chunks)


class Answer:
    """An answer of the engine, with its body in these chunks."""

    def __init__(self, *chunks: bytes, kind: str = "multiplexed-stream") -> None:
        self.raw = Raw(chunks)
        self.headers = {"Content-Type": f"application/vnd.docker.{kind}"}


def stamp(nanos: int) -> str:
    return f"2026-01-31T12:00:{nanos // 10**9:02d}.{nanos % 10**9:09d}Z"


def frame(stream: int, nanos: int, text: bytes) -> bytes:
    payload = stamp(nanos).encode() + b" " + text
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def flat(batches: Iterator[list[LogLine]]) -> list[LogLine]:
    return [line for batch in batches for line in batch]


def texts(batches: Iterator[list[LogLine]]) -> list[tuple[str, str]]:
    return [(line.stream, line.line) for line in flat(batches)]


def test_a_line_has_its_service_container_time_and_stream() -> None:
    [line] = flat(logs.lines(Answer(frame(2, 5, b"no such luck\n")), WEB))
    assert line == (stamp(5), "web", 1, "shop-web-1", "stderr", "no such luck")


def test_frames_may_be_cut_anywhere() -> None:
    whole = frame(1, 1, b"one\n") + frame(2, 2, b"two\r\n") + frame(1, 3, b"\n")
    expected = [("stdout", "one"), ("stderr", "two"), ("stdout", "")]
    for size in range(1, len(whole) + 1):
        chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert texts(logs.lines(Answer(*chunks), WEB)) == expected


def test_the_parts_of_a_long_line_are_joined_and_carry_the_time_of_the_first() -> None:
    answer = Answer(
        frame(1, 1, b"a" * 16384),
        frame(2, 2, b"between\n"),
        frame(1, 3, b"b" * 16384),
        frame(1, 4, b"c\n"),
    )
    between, long = flat(logs.lines(answer, WEB))
    assert between.line == "between"
    assert long.line == "a" * 16384 + "b" * 16384 + "c"
    assert long.time == stamp(1)


def test_a_line_without_an_end_is_cut_before_it_fills_the_memory() -> None:
    part = b"x" * 16384
    result = flat(logs.lines(Answer(*[frame(1, n, part) for n in range(200)]), WEB))
    assert sum(len(line.line) for line in result) == 200 * len(part)
    assert max(len(line.line) for line in result) <= logs.LONGEST_LINE + len(part)


def test_what_is_not_utf_8_is_kept() -> None:
    [line] = flat(logs.lines(Answer(frame(1, 1, b"caf\xe9 \xc3\xa9\n")), WEB))
    assert line.line.encode("utf-8", "surrogateescape") == b"caf\xe9 \xc3\xa9"


def test_a_terminal_has_one_stream_and_no_frames() -> None:
    chunk = f"{stamp(1)} hello\r\n".encode()
    assert texts(logs.lines(Answer(chunk, kind="raw-stream"), WEB)) == [("stdout", "hello")]


def test_a_time_may_have_fewer_digits_and_a_zone() -> None:
    """As Podman writes it."""
    parts = [b"2026-11-29T17:36:46Z one\n", b"2026-11-29T19:36:47+02:00 two  parts\n"]
    raw = b"".join(bytes([1, 0, 0, 0]) + len(one).to_bytes(4, "big") + one for one in parts)
    result = flat(logs.lines(Answer(raw), WEB))
    assert [(one.time, one.line) for one in result] == [
        ("2026-11-29T17:36:46.000000000Z", "one"),
        ("2026-11-29T17:36:47.000000000Z", "two  parts"),
    ]


def test_the_engines_own_error_is_told() -> None:
    payload = b"Error grabbing logs: invalid character\n"
    answer = Answer(frame(1, 1, b"one\n") + struct.pack(">BxxxL", 3, len(payload)) + payload)
    result = logs.lines(answer, WEB)
    assert [line.line for line in next(result)] == ["one"]
    with pytest.raises(LogError, match="Error grabbing logs: invalid character"):
        next(result)


def test_reading_goes_on_a_little_before_the_last_line() -> None:
    cursor = Cursor()
    assert cursor.resume() == ""
    list(logs.lines(Answer(frame(1, 5_000_000_007, b"one\n")), WEB, cursor))
    assert cursor.resume() == timestamps.unix(stamp(4_000_000_007))


def test_an_unfinished_line_is_read_again_from_its_beginning() -> None:
    cursor = Cursor()
    first = [frame(1, 2_000_000_000, b"begun"), frame(2, 9_000_000_000, b"other\n")]
    assert texts(logs.lines(Answer(*first), WEB, cursor)) == [("stderr", "other")]
    assert cursor.resume() == timestamps.unix(stamp(1_000_000_000))
    again = Answer(*first, frame(1, 9_500_000_000, b" and ended\n"))
    result = logs.resumed(again, WEB, cursor, all_of_it=True)
    assert texts(result) == [("stdout", "begun and ended")]


def test_last_lines_that_do_not_reach_back_are_a_gap() -> None:
    cursor = Cursor()
    list(logs.lines(Answer(frame(1, 5, b"one\n")), WEB, cursor))
    later = [frame(1, 7, b"three\n")]
    with pytest.raises(Gap):
        list(logs.resumed(Answer(*later), WEB, cursor, all_of_it=False))
    assert texts(logs.resumed(Answer(*later), WEB, cursor, all_of_it=True)) == [("stdout", "three")]


def test_after_the_last_lines_alone_earlier_ones_of_the_other_stream_do_not_come_back() -> None:
    cursor = Cursor()
    list(logs.lines(Answer(frame(1, 5, b"last\n")), WEB, cursor))
    cursor.floor = cursor.newest()
    again = Answer(frame(2, 4, b"before\n"), frame(1, 5, b"last\n"), frame(2, 6, b"new\n"))
    assert texts(logs.resumed(again, WEB, cursor, all_of_it=False)) == [("stderr", "new")]


@st.composite
def written(draw: st.DrawFn) -> list[tuple[int, int, bytes]]:
    """Messages as a log holds them: within a stream times never run backwards, and many are
    equal; between streams they may, by less than the overlap."""
    times = {1: 10**9, 2: 10**9}
    results = []
    for number in range(draw(st.integers(0, 12))):
        stream = draw(st.sampled_from([1, 2]))
        slowest = max(times.values()) - 10**9 + 1
        times[stream] = max(slowest, times[stream] + draw(st.sampled_from([0, 0, 1, 400_000_000])))
        results.append((stream, times[stream], b"%d" % number))
    return results


@given(written(), st.data())
def test_however_often_the_connection_is_cut_each_line_is_told_once(
    messages: list[tuple[int, int, bytes]], data: st.DataObject
) -> None:
    cursor, told = Cursor(), []
    for reading in range(4):
        there = data.draw(st.integers(0, len(messages))) if reading < 3 else len(messages)
        since = cursor.resume()
        frames = [
            frame(stream, nanos, text + b"\n")
            for stream, nanos, text in messages[:there]
            if not since or timestamps.unix(stamp(nanos)) >= since
        ]
        answer = Answer(*frames)
        told += [line.line for line in flat(logs.resumed(answer, WEB, cursor, all_of_it=True))]
    assert sorted(told, key=int) == [text.decode() for _, _, text in messages]


def at(time: int, text: str) -> LogLine:
    return LogLine(f"{time:09d}", "web", 1, "shop-web-1", "stdout", text)


@given(st.lists(st.lists(st.lists(st.integers(0, 99), max_size=5), max_size=5), max_size=4))
def test_sources_in_order_are_merged_in_order(times: list[list[list[int]]]) -> None:
    sources, everything = [], []
    for number, batches in enumerate(times):
        flat_times = iter(sorted(time for batch in batches for time in batch))
        source = [[at(next(flat_times), f"{number}") for _ in batch] for batch in batches]
        everything += [line for batch in source for line in batch]
        sources.append(iter(source))
    assert [line.time for line in flat(logs.merged(sources))] == sorted(
        line.time for line in everything
    )


def test_a_source_whose_clock_ran_backwards_is_given_whole() -> None:
    one, other = [at(5, "a"), at(6, "b"), at(3, "c")], [at(4, "d"), at(1, "e")]
    given_out = flat(logs.merged([iter([one]), iter([other])]))
    assert sorted(given_out) == sorted(one + other)
