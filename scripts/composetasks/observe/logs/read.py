"""Container logs, read from the engine with the engine's own times.

The engine sends each message a program wrote as a frame: its stream, its length, its time and
its text; a line of more than 16 KiB comes as several frames, of which only the last ends with a
newline. Within one stream of a container times never run backwards; between stdout and stderr
they may, by little.

Lines are handed on in batches, those that arrived together: a million of them pass through here.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from composetasks.facts import Container, LogLine, timestamps
from composetasks.facts.frozen import frozen
from composetasks.observe.engine.http_body import chunks
from composetasks.run import waiting
from composetasks.run.failure import EngineLost

if TYPE_CHECKING:
    from docker import APIClient

STREAMS = {0: "stdout", 1: "stdout", 2: "stderr"}
ENGINE_ERROR = 3
"""The stream on which the engine tells that it can't read on."""
HEADER = 8
LONGEST_LINE = 1_048_576
"""Bytes after which a line without an end is cut: memory is bounded whatever a program writes."""
STAMP = len("2026-01-01T00:00:00.123456789Z")
OF_TIME = b"0123456789-T:.Z"
"""What a time consists of: anything else in its place is none."""
OVERLAP_SECONDS = 1
"""How far before the last line of a container reading is taken up again: what was written to
stderr may carry an earlier time than a line of stdout that was read before it."""

Message = tuple[str, str, str, bytes]
"""A line before it is text: its stream, when it began and ended, and its bytes."""

by_time = itemgetter(0)


class LogError(Exception):
    """The engine can't give a container's log; the text is its own."""


class ContainerGone(LogError):
    """The container does not exist any more."""


class Gap(Exception):
    """The last lines of a log do not reach back to where it was read to."""


@frozen
class LogRange:
    """Which lines are wanted: ``since`` and ``until`` in Unix seconds, "" for no limit; ``tail``
    is how many of the last lines of each container, None for all."""

    since: str = ""
    until: str = ""
    tail: int | None = None


@dataclass
class Cursor:
    """How far a container's log was read: for each stream the time of the last line, and how many
    lines carried just that time. ``floor`` is the time up to which a stream without any line
    counts as read; ``unfinished`` when a line began whose end was not read yet."""

    last: dict[str, tuple[str, int]] = field(default_factory=dict)
    floor: str = ""
    unfinished: str = ""

    def resume(self) -> str:
        """Where to read on, in Unix seconds; "" for from the beginning."""
        newest = self.newest()
        if not newest:
            return ""
        earliest = min(newest, self.unfinished or newest)
        try:
            whole, _, part = timestamps.unix(earliest).partition(".")
        except ValueError as error:
            raise LogError(f"it has no such time as {earliest}") from error
        return f"{max(0, int(whole) - OVERLAP_SECONDS)}.{part}"

    def newest(self) -> str:
        """The time of the last line that was read; "" for none."""
        return max([self.floor, *(time for time, _ in self.last.values())])

    def passed(self, messages: Iterable[Message]) -> None:
        """Note messages as read."""
        last = self.last
        for stream, _, time, _ in messages:
            before, count = last.get(stream, ("", 0))
            last[stream] = (time, count + 1 if time == before else 1)


def open_log(
    client: APIClient, container: Container, wanted: LogRange, *, follow: bool = False
) -> Any:
    """The engine's answer to a request for a container's log, to be read by :func:`lines`.

    Raises LogError where the container is gone or its logging driver can't be read, EngineLost
    where nothing answers, requests' Timeout where what is there does not.
    """
    import requests

    parameters: dict[str, Any] = {
        "stdout": 1,
        "stderr": 1,
        "timestamps": 1,
        "follow": int(follow),
        "tail": "all" if wanted.tail is None else wanted.tail,
    }
    limits = {"since": wanted.since, "until": wanted.until}
    parameters.update((name, limit) for name, limit in limits.items() if limit)
    try:
        response = client.get(
            f"{client.base_url}/v{client.api_version}/containers/{container.id}/logs",
            params=parameters,
            stream=True,
            # To find where ``since`` is the engine may have to read the whole log.
            timeout=None if wanted.since or follow else client.timeout,
        )
    except requests.exceptions.Timeout:
        raise
    except requests.exceptions.RequestException as error:
        raise EngineLost(str(error)) from error
    if response.status_code == 200:
        return response
    try:
        why = str(response.json().get("message", ""))
    except ValueError:
        why = response.reason
    response.close()
    if response.status_code in (404, 409):
        raise ContainerGone(why)
    raise LogError(why)


def lines(
    response: Any, container: Container, cursor: Cursor | None = None
) -> Iterator[list[LogLine]]:
    """The lines of an opened log, as they come.

    ``cursor``, where given, is kept up to date, and a last line without an end is not given (it
    comes again, whole). Raises LogError where the engine says that it can't read on, EngineLost
    where the connection breaks off.
    """
    for batch in _messages(response, cursor):
        if cursor is not None:
            cursor.passed(batch)
        yield _lines(container, batch)


def resumed(
    response: Any, container: Container, cursor: Cursor, *, all_of_it: bool
) -> Iterator[list[LogLine]]:
    """The lines that are new since ``cursor``, which is kept up to date.

    Raises Gap where the log begins after it and is not ``all_of_it``, and as :func:`lines`.
    """
    skip, floor, newest = dict(cursor.last), cursor.floor, cursor.newest()
    overlaps = all_of_it
    for batch in _messages(response, cursor):
        if not overlaps and batch and batch[0][2] > newest:
            raise Gap
        overlaps = overlaps or bool(batch)
        fresh = []
        for message in batch:
            stream, _, time, _ = message
            last, count = skip.get(stream, (floor, 0))
            if time == last and count > 0:
                skip[stream] = (last, count - 1)
            elif time >= last:
                fresh.append(message)
        cursor.passed(fresh)
        yield _lines(container, fresh)


def _lines(container: Container, messages: Iterable[Message]) -> list[LogLine]:
    make = LogLine._make
    service, number, name = container.service, container.number, container.name
    return [
        make((time, service, number, name, stream, text.decode("utf-8", "surrogateescape")))
        for stream, time, _, text in messages
    ]


def _payloads(response: Any) -> Iterator[list[tuple[int, bytes]]]:
    """(stream, time and text) of each frame. A container with a terminal has one stream and no
    frames: there each chunk of the answer is a message."""
    if response.headers.get("Content-Type", "").endswith("raw-stream"):
        for batch in chunks(response):
            yield [(1, chunk) for chunk in batch]
        return
    rest = b""
    for batch in chunks(response):
        payloads = []
        for chunk in batch:
            data = rest + chunk if rest else chunk
            at, end = 0, len(data)
            while end - at >= HEADER:
                after = at + HEADER + int.from_bytes(data[at + 4 : at + HEADER], "big")
                if after > end:
                    break
                payloads.append((data[at], data[at + HEADER : after]))
                at = after
            rest = data[at:]
        yield payloads


def _shorter(payload: bytes) -> tuple[bytes, bytes]:
    """Time and text of a frame whose time is not written as Docker writes it, but in any other way
    of RFC 3339 (Podman: whole seconds, with its zone); nothing where it is none."""
    stamp, _, text = payload.partition(b" ")
    parsed = timestamps.parse_time(stamp.decode("ascii", "replace"))
    if parsed.year == 1:
        return b"", b""
    return f"{parsed:%Y-%m-%dT%H:%M:%S.%f}000Z".encode(), text


def _messages(response: Any, cursor: Cursor | None) -> Iterator[list[Message]]:
    """The lines, put together from their parts."""
    parts: dict[str, tuple[str, bytes]] = {}
    for batch in _payloads(response):
        messages: list[Message] = []
        error = b""
        for kind, payload in batch:
            if kind == ENGINE_ERROR:
                error = payload
                break
            stream = STREAMS.get(kind, "")
            stamp, text = payload[:STAMP], payload[STAMP + 1 :]
            if stamp.translate(None, OF_TIME):
                stamp, text = _shorter(payload)
            if not stream or not stamp:
                error = b"its log is not in the form the engine's logs have"
                break
            time = stamp.decode("ascii")
            if not parts and text.endswith(b"\n"):
                messages.append((stream, time, time, text.rstrip(b"\r\n")))
                continue
            began, before = parts.pop(stream, (time, b""))
            text = before + text
            if text.endswith(b"\n") or len(text) >= LONGEST_LINE:
                messages.append((stream, began, time, text.rstrip(b"\r\n")))
            else:
                parts[stream] = (began, text)
        if cursor is not None:
            cursor.unfinished = min((began for began, _ in parts.values()), default="")
        yield messages
        if error:
            raise LogError(error.decode(errors="replace").strip())
    if cursor is None:
        yield [(stream, began, began, text) for stream, (began, text) in parts.items()]


def history(
    client: APIClient,
    containers: Sequence[Container],
    wanted: LogRange,
    *,
    cursors: dict[str, Cursor] | None = None,
    warn: Callable[[str], None],
) -> Iterator[list[LogLine]]:
    """What the containers have logged until now, merged by time.

    One connection each, read as fast as the lines are taken: nothing is held but one batch per
    container. ``cursors``, where given, is filled by container id, for following on from there;
    then a connection that breaks off only ends this part. Otherwise raises EngineLost.
    """
    none_wanted = wanted.tail == 0 and cursors is not None
    if none_wanted:  # one line, to know where the log ends
        wanted = replace(wanted, tail=1)
    opened = []  # all of them before the first is read: the engine works on them side by side
    for container in containers:
        cursor = None if cursors is None else cursors.setdefault(container.id, Cursor())
        with _unreadable_skipped(container, cursor, warn):
            response = open_log(client, container, wanted)
            opened.append(_read(response, container, cursor, warn))
    for batch in merged(opened):
        if not none_wanted:
            yield batch
    if wanted.tail is not None:
        for cursor in (cursors or {}).values():
            cursor.floor = cursor.newest()


def _read(
    response: Any, container: Container, cursor: Cursor | None, warn: Callable[[str], None]
) -> Iterator[list[LogLine]]:
    with _unreadable_skipped(container, cursor, warn), contextlib.closing(response):
        batches = lines(response, container, cursor)
        while True:
            with waiting.on(f"the engine (the log of {container.name})", waiting.ENGINE_SECONDS):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


@contextlib.contextmanager
def _unreadable_skipped(
    container: Container, cursor: Cursor | None, warn: Callable[[str], None]
) -> Iterator[None]:
    """Go on without a container whose log can't be read, saying so."""
    try:
        yield
    except ContainerGone:
        pass
    except EngineLost:
        if cursor is None:
            raise
    except LogError as error:
        warn(f"{container.name}: {error}")


def merged(sources: Iterable[Iterator[list[LogLine]]]) -> Iterator[list[LogLine]]:
    """Batches of all sources merged by time, each source being in order by itself."""
    unread = list(sources)
    held: list[tuple[list[LogLine], Iterator[list[LogLine]]]] = []
    while True:
        for source in unread:
            batch = next((batch for batch in source if batch), None)
            if batch is not None:
                held.append((batch, source))
        if not held:
            return
        first = min(held, key=lambda one: one[0][-1].time)
        limit = first[0][-1].time
        given, left, unread = [], [], []
        for batch, source in held:
            # All of the first one: its lines need not be in perfect order.
            cut = len(batch) if source is first[1] else bisect_right(batch, limit, key=by_time)
            given += batch[:cut]
            if cut < len(batch):
                left.append((batch[cut:], source))
            else:
                unread.append(source)
        if len(held) > 1:
            given.sort(key=by_time)  # stable, and quick on runs that are sorted already
        held = left
        yield given
