"""Cache entries: results kept in ``.composetasks/cache/`` so that they need not be computed again.

Nothing is lost with a cache entry. Therefore the reader treats anything unexpected as no entry: a
damaged file, one of an earlier version, a link, another user's file. And an entry that can't be
written is omitted.

An entry is one file: a line with its checksum, then JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from composetasks.store import files

T = TypeVar("T")
UNEXPECTED = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""The exceptions that reading and understanding a file of another format may raise."""


def load(place: Path, understand: Callable[[Any], T]) -> T | None:
    """Load an entry of :func:`save` through ``understand``; None if there is none or it is
    unusable."""
    try:
        text = _body(files.read(place, own=True))
        return None if text is None else understand(json.loads(text))
    except (*UNEXPECTED, RecursionError):
        return None


def save(place: Path, value: Any) -> bool:
    """Save a value of JSON's types; return whether that succeeded."""
    try:
        files.write(_reachable(place), _packed(value))
    except OSError:
        return False
    return True


def save_first(place: Path, value: Any) -> bool:
    """Save a value unless an entry exists; of several concurrent writers, the first wins."""
    try:
        new = files.draft(_reachable(place), _packed(value))
    except OSError:
        return False
    try:
        os.link(new, place)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.unlink(new)
    return True


def as_mapping(value: Any) -> dict[str, Any]:
    """Return ``value`` if it is a mapping; raises TypeError for anything else."""
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} is not a mapping")
    return value


def as_texts(value: Any) -> dict[str, str]:
    """Return ``value`` if it is a mapping of texts; raises TypeError for anything else."""
    if not all(isinstance(one, str) for one in as_mapping(value).values()):
        raise TypeError("not all values are strings")
    texts: dict[str, str] = value
    return texts


def as_names(value: Any) -> list[str]:
    """Return ``value`` if it is a list of texts; raises TypeError for anything else."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("not a list of strings")
    return value


def _reachable(place: Path) -> Path:
    # Create one folder at most: if the cache itself is missing, nothing should be kept.
    with contextlib.suppress(FileExistsError):
        place.parent.mkdir()
    return place


def _packed(value: Any) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode("ascii")
    return _checksum(body) + b"\n" + body


def _body(data: bytes) -> str | None:
    """The JSON of a file, None if its checksum is wrong; copied once only, since it may be long."""
    start = data.index(b"\n") + 1
    body = memoryview(data)[start:]
    return str(body, "ascii") if data[: start - 1] == _checksum(body) else None


def _checksum(body: bytes | memoryview) -> bytes:
    return b"composetasks memory %08x" % zlib.crc32(body)
