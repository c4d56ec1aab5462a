"""Follow the logs of a project's containers across restarts and recreation.

Each container has a thread that reads its log. The engine ends a followed log when the container
stops; the thread then waits for an event about the container and resumes after the last line that
it read. New containers are found by their events. So nothing is polled, and no line is lost or
repeated: the engine's own times record how far each log was read.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from composetasks.facts import Container, LogLine
from composetasks.observe.engine.liveness import LAST_ANSWER_SECONDS
from composetasks.observe.logs.order import Ordering
from composetasks.observe.logs.read import (
    ContainerGone,
    Cursor,
    Gap,
    LogError,
    LogRange,
    open_log,
    resumed,
)
from composetasks.run.failure import EngineLost

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import CancellableStream

HELD_CHARACTERS = 8_000_000
"""The characters that readers may queue; beyond that they wait, and so does the engine."""
LINE_OVERHEAD = 200
RESUMED_LINES = 10_000
"""The lines requested when reading resumes. The engine finds the last lines at once, but others
only by reading the whole log, which is done if these lines do not reach back far enough."""
FIRST_LOOK = ""
"""A placeholder among the logs being opened, until the first containers are known."""
EVENT_SECONDS = 3600.0
RECONNECT_SECONDS = 0.2
"""The pause between attempts to reach an engine that went away; nothing announces its return."""


class Events(Protocol):
    """The part of the project's event stream that is used here."""

    def changed(self, seconds: float) -> set[str] | None:
        """Return the ids of containers with new events; None if the stream was cut."""

    def reconnect(self) -> None:
        """Reopen a cut stream; raises the SDK's errors while the engine is away."""


@dataclass
class Follow:
    """A follower of logs: :meth:`batches` yields lines until :meth:`close`.

    ``find`` returns the wanted containers at the time of the call; ``cursors`` tells, by container
    id, how far their logs were read before; ``wanted`` limits the new lines.
    """

    client: APIClient
    events: Events
    find: Callable[[], Sequence[Container]]
    wanted: LogRange
    cursors: dict[str, Cursor]
    warn: Callable[[str], None]
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _happened: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _readers: dict[str, threading.Thread] = field(default_factory=dict)
    _streams: dict[str, CancellableStream[list[LogLine]]] = field(default_factory=dict)
    _opening: set[str] = field(default_factory=lambda: {FIRST_LOOK})
    _opened: float = 0.0
    _lines: list[LogLine] = field(default_factory=list)
    _size: int = 0
    _failure: Exception | None = None
    _closed: bool = False

    def batches(self, until: float | None = None) -> Iterator[list[LogLine]]:
        """Yield lines in order of time, a list whenever there are some.

        ``until`` is the end (``time.time()``), or None for no end.
        """
        self._thread(self._supervise)
        order, postponed = Ordering(), 0.0
        while True:
            due = order.due()
            patience = None if due is None else max(0.0, due - time.monotonic())
            if until is not None:
                left = until - time.time()
                if left <= 0:
                    break
                patience = left if patience is None else min(patience, left)
            taken = self._take(patience)
            now = time.monotonic()
            opening = self._opened_after(postponed)
            if len(self._readers) == 1 and due is None and not opening:
                if taken:
                    yield taken
                continue
            order.add(taken, now)
            if opening:
                order.postpone(now)
                postponed = now
            ready = order.ready(now)
            if ready:
                yield ready
        yield order.rest() + self._take(0)

    def close(self) -> None:
        """End all threads and connections."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            streams, readers = list(self._streams.values()), list(self._readers.values())
        for stream in streams:
            _close(stream)
        deadline = time.monotonic() + LAST_ANSWER_SECONDS
        for reader in readers:
            reader.join(max(0.0, deadline - time.monotonic()))

    def _thread(self, body: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                body()
            except Exception as error:  # noqa: BLE001 (raised in the thread that takes the lines)
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    # --- passing lines on -------------------------------------------------------------------

    def _take(self, seconds: float | None) -> list[LogLine]:
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._failure, seconds)
            if self._failure:
                raise self._failure
            taken, self._lines, self._size = self._lines, [], 0
            self._changed.notify_all()
        return taken

    def _put(self, lines: list[LogLine]) -> None:
        with self._changed:
            while self._size > HELD_CHARACTERS and not self._closed:
                self._changed.wait()
            self._lines += lines
            self._size += sum(len(line.line) for line in lines) + LINE_OVERHEAD * len(lines)
            self._changed.notify_all()

    # --- one container ----------------------------------------------------------------------

    def _opened_after(self, since: float) -> bool:
        """Tell whether a log is being opened, or was opened after ``since``."""
        with self._changed:
            return bool(self._opening) or self._opened > since

    def _open(self, *keys: str) -> None:
        with self._changed:
            self._opening.update(keys)

    def _open_done(self, key: str) -> None:
        with self._changed:
            self._opening.discard(key)
            self._opened = time.monotonic()

    def _read(self, container: Container) -> None:
        cursor = self.cursors.setdefault(container.id, Cursor())
        while not self._closed:
            before = self._happened[container.id]
            try:
                try:
                    self._read_once(container, cursor, tail=RESUMED_LINES)
                except Gap:
                    self._read_once(container, cursor, tail=None)
                patience = None
            except ContainerGone:
                return
            except EngineLost:
                patience = RECONNECT_SECONDS
            except LogError as error:
                self.warn(f"{container.name}: {error}")
                return
            self._wait_for_event(container.id, before, patience)

    def _wait_for_event(self, key: str, before: int, seconds: float | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._happened[key] != before, seconds)

    def _read_once(self, container: Container, cursor: Cursor, *, tail: int | None) -> None:
        """Read until the engine ends the log."""
        from docker.types import CancellableStream

        since = cursor.resume()
        if since:
            wanted = LogRange(since, self.wanted.until, tail)
        else:
            wanted = LogRange(self.wanted.since, self.wanted.until)
        self._open(container.id)
        try:
            response = open_log(self.client, container, wanted, follow=True)
        finally:
            self._open_done(container.id)
        messages = resumed(response, container, cursor, all_of_it=wanted.tail is None)
        stream = CancellableStream(messages, response)
        with self._changed:
            self._streams[container.id] = stream
            closed = self._closed
        if closed:
            _close(stream)
        try:
            for lines in stream:
                if lines:
                    self._put(lines)
        finally:
            response.close()

    # --- all containers ---------------------------------------------------------------------

    def _find_new(self) -> None:
        new = [one for one in self.find() if one.id not in self._readers]
        self._open(*(one.id for one in new))
        self._open_done(FIRST_LOOK)
        for container in new:
            self._readers[container.id] = self._thread(partial(self._read, container))

    def _supervise(self) -> None:
        import requests
        from docker import errors

        unknown = True
        while not self._closed:
            if unknown:
                try:
                    self._find_new()
                except requests.exceptions.Timeout:
                    raise
                except (requests.exceptions.RequestException, errors.DockerException):
                    pass  # the engine just went away: they are found when it is back
            ids = self.events.changed(EVENT_SECONDS)
            if ids is None:
                ids = self._reconnected()
            unknown = bool(ids - self._readers.keys())
            with self._changed:
                for key in ids:
                    self._happened[key] += 1
                self._changed.notify_all()

    def _reconnected(self) -> set[str]:
        """Wait until the engine is back; everything may have changed meanwhile."""
        import requests
        from docker import errors

        while not self._closed:
            try:
                self.events.reconnect()
                self._find_new()
                break
            except requests.exceptions.Timeout:
                raise
            except (requests.exceptions.RequestException, errors.DockerException):
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, RECONNECT_SECONDS)
        return set(self._readers)


def _close(stream: CancellableStream[list[LogLine]]) -> None:
    from docker import errors

    # The connection may have ended meanwhile, in any state.
    with contextlib.suppress(OSError, AttributeError, ValueError, errors.DockerException):
        stream.close()
