"""The body of an engine's answer, as it arrives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from composetasks.run.failure import EngineLost

BLOCK = 65536


def chunks(response: Any) -> Iterator[list[bytes]]:
    """The chunks (of HTTP's chunked encoding) that arrived together, until the body's end.

    urllib3 hands on one chunk at a time, which for a log is one line, at twice the work; so this
    reads below it, where the SDK itself reads its raw streams. Raises EngineLost where the
    connection ends before the body does; where nothing comes, the connection's own timeout.
    """
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        if response.raw.chunked:
            yield from _dechunked(response.raw._fp.fp)
        else:
            for block in response.raw.stream(BLOCK):
                yield [block]
    except (ReadTimeoutError, TimeoutError):
        raise
    except (HTTPError, OSError, ValueError, AttributeError) as error:
        # What a connection raises depends on where it was when it was closed.
        raise EngineLost(str(error)) from error


def _dechunked(stream: Any) -> Iterator[list[bytes]]:
    rest = b""
    while block := stream.read1(BLOCK):
        data = rest + block if rest else block
        chunks: list[bytes] = []
        at, end = 0, len(data)
        while (line_end := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:line_end], 16)
            begin = line_end + 2
            after = begin + size
            if after + 2 > end:
                break
            if size == 0:
                yield chunks
                return
            chunks.append(data[begin:after])
            at = after + 2
        rest = data[at:]
        if chunks:
            yield chunks
    raise OSError("the connection closed before the answer was complete")
