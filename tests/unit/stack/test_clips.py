"""Clips side by side: their order, their bounds, and what one of them does to the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from processing.clips import AHEAD, Answer, ClipReader
from processing.decode import Clip, sampled
from processing.fetch import Unavailable, Unreachable
from processing.messages import Rejected


class Feed:
    """Answers by the address; holds "slow" clips until it is told to let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = 0
        self.most = 0
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def fetch(self, url: str) -> bytes:
        with self._lock:
            self.asked.append(url)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            if "slow" in url:
                assert self.let_go.wait(30)
                raise Unavailable("the clip takes more than 5 s")
            if "nobody" in url:
                raise Unreachable("nobody doesn't answer")
            return url.rpartition("/")[2].encode()
        finally:
            with self._lock:
                self.at_once -= 1


def decode(content: bytes, size: int) -> Clip:
    if content == b"garbage":
        raise Rejected("not an mp4")
    return Clip(size, content)


def reader(feed: Feed, downloads: int = 2) -> ClipReader:
    return ClipReader(feed, decode, 48, downloads)


def answers(reader: ClipReader, *urls: str | None) -> list[Answer | None]:
    return [answer for _, answer in reader.read_all(urls, lambda url: url)]


def test_clips_come_in_the_order_of_their_posts() -> None:
    urls = [f"http://feed/{number}" for number in range(50)]
    result = answers(reader(Feed(), downloads=8), *urls)
    assert result == [Clip(48, str(number).encode()) for number in range(50)]


def test_a_post_without_an_address_asks_nobody() -> None:
    feed = Feed()
    assert answers(reader(feed), None, None) == [None, None]
    assert feed.asked == []


def test_no_more_than_so_many_are_fetched_at_once_and_not_far_ahead() -> None:
    feed = Feed()
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    clips = reader(feed, downloads=2).read_all(numbers(), lambda number: f"http://feed/{number}")
    next(clips)
    assert len(taken) == AHEAD * 2 + 1
    assert len(list(clips)) == 99
    assert feed.most <= 2


def test_a_slow_clip_costs_its_own_post_and_no_other() -> None:
    feed = Feed()
    urls = ["http://feed/slow", *(f"http://feed/{number}" for number in range(5))]
    clips = reader(feed).read_all(urls, lambda url: url)

    def release_when_the_others_are_there() -> None:
        while len(feed.asked) < len(urls):
            pass
        feed.let_go.set()

    watcher = threading.Thread(target=release_when_the_others_are_there)
    watcher.start()
    slow, *others = [answer for _, answer in clips]
    watcher.join()
    assert isinstance(slow, Unavailable)
    assert all(isinstance(answer, Clip) for answer in others)


def test_an_address_that_never_answers_is_asked_twice() -> None:
    feed = Feed()
    result = answers(reader(feed, downloads=1), *["http://nobody/a"] * 5, "http://feed/a")
    assert [isinstance(answer, Unavailable) for answer in result] == [True] * 5 + [False]
    assert feed.asked.count("http://nobody/a") == 2


def test_what_is_no_clip_is_rejected() -> None:
    (result,) = answers(reader(Feed()), "http://feed/garbage")
    assert isinstance(result, Rejected)


def test_a_clip_counts_its_whole_frames() -> None:
    assert Clip(2, bytes(2 * 2 * 3 * 5 + 1)).count == 5


def seen(*seconds: float) -> list[float]:
    return list(sampled((second, second) for second in seconds))


def test_each_eighth_of_a_second_shows_the_frame_nearest_to_it() -> None:
    assert seen(0.0, 0.125, 0.25) == [0.0, 0.125, 0.25]
    assert seen(5.0, 5.125) == [5.0, 5.125]
    thirty = [number / 30 for number in range(31)]
    assert len(seen(*thirty)) == 9
    assert seen(0.0, 0.5) == [0.0, 0.0, 0.0, 0.0, 0.5]


def test_a_long_clip_is_read_for_eight_seconds() -> None:
    read: list[int] = []

    def frames() -> Iterator[tuple[float, int]]:
        for number in range(10_000):
            read.append(number)
            yield number / 8, number

    assert list(sampled(frames())) == list(range(64))
    assert len(read) == 65


def test_a_clip_of_no_frames_shows_none() -> None:
    assert seen() == []
