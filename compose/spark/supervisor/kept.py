"""The last code that worked, in a folder that outlives the container."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from supervisor.source import Source

FILE = "code-that-worked"


def write(folder: Path, source: Source) -> None:
    """Keeps code in place of what was kept: whatever happens meanwhile, one of the two is there.

    The file's first line is the digest of the rest. Raises OSError; what was kept stays.
    """
    texts = {name: content.decode("latin-1") for name, content in source.files.items()}
    body = json.dumps(texts, indent=0).encode()
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{FILE}.new"
    try:
        with new.open("wb") as file:
            file.write(_digest(body) + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / FILE)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def read(folder: Path) -> Source | None:
    """The code that is kept; None where there is none, or where it is not what was written."""
    try:
        digest, _, body = (folder / FILE).read_bytes().partition(b"\n")
    except OSError:
        return None
    if digest != _digest(body):
        return None
    texts: dict[str, str] = json.loads(body)
    return Source({name: text.encode("latin-1") for name, text in texts.items()})


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
