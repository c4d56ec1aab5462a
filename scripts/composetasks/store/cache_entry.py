"""Cache entries: what is kept in ``.composetasks/cache/`` so that it need not be asked for again.

Nothing is lost with one. So there is one reader, for which anything unexpected is nothing at all:
a damaged file, one of an earlier version, one that is a link or another user's. And an entry that
can't be written is done without.

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
"""What reading and understanding a file of another form may raise."""


def load(place: Path, understand: Callable[[Any], T]) -> T | None:
    """What :func:`save` saved, as ``understand`` reads it; None where that does not work out."""
    try:
        text = _body(files.read(place, own=True))
        return None if text is None else understand(json.loads(text))
    except (*UNEXPECTED, RecursionError):
        return None


def save(place: Path, value: Any) -> bool:
    """Save a value of JSON's types; whether that could be done."""
    try:
        files.write(_reachable(place), _packed(value))
    except OSError:
        return False
    return True


def save_first(place: Path, value: Any) -> bool:
    """The same where nothing is kept there yet: of several at once, the first counts."""
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
    """A mapping; raises TypeError for anything else."""
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} is not a mapping")
    return value


def as_texts(value: Any) -> dict[str, str]:
    """A mapping of texts; raises TypeError for anything else."""
    if not all(isinstance(one, str) for one in as_mapping(value).values()):
        raise TypeError("not all values are strings")
    texts: dict[str, str] = value
    return texts


def as_names(value: Any) -> list[str]:
    """A list of texts; raises TypeError for anything else."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("not a list of strings")
    return value


def _reachable(place: Path) -> Path:
    # One folder at most: where the cache itself is missing, nothing is to be kept.
    with contextlib.suppress(FileExistsError):
        place.parent.mkdir()
    return place


def _packed(value: Any) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode("ascii")
    return _checksum(body) + b"\n" + body


def _body(data: bytes) -> str | None:
    """The JSON of a file, None where its checksum is another; copied once, since it may be long."""
    start = data.index(b"\n") + 1
    body = memoryview(data)[start:]
    return str(body, "ascii") if data[: start - 1] == _checksum(body) else None


def _checksum(body: bytes | memoryview) -> bytes:
    return b"composetasks memory %08x" % zlib.crc32(body)
