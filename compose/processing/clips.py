"""Clips for many posts at once: fetched side by side, decoded, given in the posts' order."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from processing.decode import Clip
from processing.fetch import Unavailable, Unreachable
from processing.messages import Rejected

AHEAD = 4
"""How many posts are read ahead of the one whose turn it is, for each download at once: then
downloads go on while the models work, and one slow clip does not hold up the others."""
TRIES_OF_AN_ADDRESS = 2
DECODED_AT_ONCE = 2
"""By one task: more would take memory and no less time, for decoding keeps a core busy."""

Item = TypeVar("Item")
Answer = Clip | Rejected | Unavailable
Decode = Callable[[bytes, int], Clip]


class Fetches(Protocol):
    """Where a clip's bytes come from (processing.fetch.Fetcher)."""

    def fetch(self, url: str) -> bytes: ...


class ClipReader:
    """Reads the clips of one task's posts, `downloads` at once.

    An address that did not answer twice is not asked again by this task: a feed that is away would
    cost each of its posts a timeout. What was asked and was slow, broken or refused counts for that
    clip alone.
    """

    def __init__(self, fetcher: Fetches, decode: Decode, size: int, downloads: int) -> None:
        self._fetcher = fetcher
        self._decode = decode
        self._size = size
        self._downloads = downloads
        self._silent: collections.Counter[str] = collections.Counter()
        self._decoding = threading.Semaphore(DECODED_AT_ONCE)

    def read_all(
        self, items: Iterable[Item], url: Callable[[Item], str | None]
    ) -> Iterator[tuple[Item, Answer | None]]:
        """Each item with its clip, or why there is none; None for an item without an address."""
        waiting: collections.deque[tuple[Item, Future[Answer] | None]] = collections.deque()
        with ThreadPoolExecutor(self._downloads) as threads:
            for item in items:
                address = url(item)
                future = None if address is None else threads.submit(self.read, address)
                waiting.append((item, future))
                if len(waiting) > AHEAD * self._downloads:
                    yield _done(*waiting.popleft())
            while waiting:
                yield _done(*waiting.popleft())

    def read(self, url: str) -> Answer:
        """The clip at an address, or why there is none."""
        address = urlsplit(url).netloc
        if self._silent[address] >= TRIES_OF_AN_ADDRESS:
            return Unavailable(f"{address} doesn't answer")
        try:
            content = self._fetcher.fetch(url)
            with self._decoding:
                return self._decode(content, self._size)
        except Unreachable as error:
            self._silent[address] += 1
            return error
        except (Rejected, Unavailable) as error:
            return error


def _done(item: Item, future: Future[Answer] | None) -> tuple[Item, Answer | None]:
    return item, None if future is None else future.result()
