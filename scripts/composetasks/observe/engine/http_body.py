"""Read the body of an engine's answer as it arrives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from composetasks.run.failure import EngineLost

BLOCK = 65536


def chunks(response: Any) -> Iterator[list[bytes]]:
    """Yield the chunks (of HTTP's chunked encoding) that arrived together, until the body ends.

    urllib3 returns one chunk at a time, which for a log is one line, at twice the cost. So this
    function reads from the level below, as the SDK itself does for raw streams. Raises EngineLost
    if the connection ends before the body does, and the connection's own timeout if nothing
    arrives.
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
        # The exception depends on the state of the connection when it was closed.
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
