"""The protocol between both sides: records of one kind byte, a length, and a payload."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

JSON, DATA = b"J", b"D"
HEADER = 5
LARGEST = 1 << 24
"""The largest payload in bytes that is accepted; records that are sent stay far below."""


class Closed(Exception):
    """The other side is gone."""


class WireError(Exception):
    """The received bytes are not a record."""


def encode(kind: bytes, payload: bytes) -> bytes:
    """Encode a record."""
    return kind + len(payload).to_bytes(4, "big") + payload


def message(document: dict[str, Any]) -> bytes:
    """Encode a record that holds a JSON document."""
    return encode(JSON, json.dumps(document).encode())


def receive(read: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """Receive the next record; return its kind and payload. ``read(n)`` returns up to n bytes, none
    at the end.

    Raises Closed at the end, even within a record, and WireError.
    """
    header = _exactly(read, HEADER)
    kind, length = header[:1], int.from_bytes(header[1:], "big")
    if kind not in (JSON, DATA) or length > LARGEST:
        raise WireError(f"not a record: {header!r}")
    return kind, _exactly(read, length)


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    first = read(count) if count else b""
    if len(first) == count:
        return first
    parts, missing = [first], count - len(first)
    while missing:
        if not parts[-1]:
            raise Closed
        parts.append(read(missing))
        missing -= len(parts[-1])
    return b"".join(parts)
