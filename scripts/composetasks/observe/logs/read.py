"""Read container logs from the engine, with the engine's own times.

The engine sends each message that a program wrote as a frame: its stream, its length, its time and
its text. A line of more than 16 KiB arrives as several frames, of which only the last ends with a
newline. Within one stream of a container times never decrease; between stdout and stderr they may,
slightly.

Lines are passed on in batches of those that arrived together: a million lines pass through here.
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
"""The stream on which the engine reports that it can't continue reading."""
HEADER = 8
LONGEST_LINE = 1_048_576
"""The bytes after which an unfinished line is split, so that memory stays bounded."""
STAMP = len("2026-01-01T00:00:00.123456789Z")
OF_TIME = b"0123456789-T:.Z"
"""The characters of a time: any other character means that there is no time."""
OVERLAP_SECONDS = 1
"""How far before a container's last line reading resumes: a line of stderr may have an earlier time
than a line of stdout that was read before it."""

Message = tuple[str, str, str, bytes]
"""A line before decoding: its stream, the times of its beginning and end, and its bytes."""

by_time = itemgetter(0)


class LogError(Exception):
    """The engine can't return a container's log; the text is the engine's own."""


class ContainerGone(LogError):
    """The container no longer exists."""


class Gap(Exception):
    """The last lines of a log do not reach back to the position that was read before."""


@frozen
class LogRange:
    """The wanted lines: ``since`` and ``until`` in Unix seconds, "" for no limit; ``tail`` is the
    number of last lines of each container, None for all."""

    since: str = ""
    until: str = ""
    tail: int | None = None


@dataclass
class Cursor:
    """How far a container's log was read: for each stream the time of the last line, and the number
    of lines with exactly that time. ``floor`` is the time up to which a stream without lines counts
    as read; ``unfinished`` is the time when a line began that has not ended yet."""

    last: dict[str, tuple[str, int]] = field(default_factory=dict)
    floor: str = ""
    unfinished: str = ""

    def resume(self) -> str:
        """Return where to resume reading, in Unix seconds; "" means from the beginning."""
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
        """Return the time of the last line that was read; "" if none was."""
        return max([self.floor, *(time for time, _ in self.last.values())])

    def passed(self, messages: Iterable[Message]) -> None:
        """Record messages as read."""
        last = self.last
        for stream, _, time, _ in messages:
            before, count = last.get(stream, ("", 0))
            last[stream] = (time, count + 1 if time == before else 1)


def open_log(
    client: APIClient, container: Container, wanted: LogRange, *, follow: bool = False
) -> Any:
    """Request a container's log and return the engine's answer, to be read by :func:`lines`.

    Raises LogError if the container is gone or its logging driver can't be read, EngineLost if the
    engine can't be reached, requests' Timeout if it does not answer.
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
            # To find ``since``, the engine may have to read the whole log.
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
    """Yield the lines of an opened log as they arrive.

    ``cursor``, if given, is updated, and an unfinished last line is not returned (it will be read
    again as a whole). Raises LogError if the engine reports that it can't continue, EngineLost if
    the connection is cut.
    """
    for batch in _messages(response, cursor):
        if cursor is not None:
            cursor.passed(batch)
        yield _lines(container, batch)


def resumed(
    response: Any, container: Container, cursor: Cursor, *, all_of_it: bool
) -> Iterator[list[LogLine]]:
    """Yield the lines that are new since ``cursor``, which is updated.

    Raises Gap if the log begins after the cursor and is not ``all_of_it``; also raises as
    :func:`lines` does.
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
    """Yield (stream, time and text) of each frame. A container with a terminal has one stream and
    no frames: each chunk of the answer is a message."""
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
    """Return time and text of a frame whose time is in another RFC 3339 form than Docker's (Podman:
    whole seconds, with a zone); empty if it is not a time."""
    stamp, _, text = payload.partition(b" ")
    parsed = timestamps.parse_time(stamp.decode("ascii", "replace"))
    if parsed.year == 1:
        return b"", b""
    return f"{parsed:%Y-%m-%dT%H:%M:%S.%f}000Z".encode(), text


def _messages(response: Any, cursor: Cursor | None) -> Iterator[list[Message]]:
    """Yield the lines, assembled from their parts."""
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
    cursors: dict[str, Cursor] | None,
    warn: Callable[[str], None],
) -> Iterator[list[LogLine]]:
    """Yield what the containers have logged until now, merged by time.

    Each container has one connection, which is read as fast as lines are consumed: only one batch
    per container is held. ``cursors``, if given, is filled by container id, for following from
    there; a cut connection then only ends this part. Otherwise raises EngineLost.
    """
    none_wanted = wanted.tail == 0 and cursors is not None
    if none_wanted:  # one line, to find the end of the log
        wanted = replace(wanted, tail=1)
    opened = []  # open all before reading the first, so that the engine works on them in parallel
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
    """Skip a container whose log can't be read, with a warning."""
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
    """Yield the batches of all sources merged by time; each source is in order by itself."""
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
            # All of the first batch: its lines may be slightly out of order.
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
