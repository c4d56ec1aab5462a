"""Reads a compressed archive ahead, and decompresses it in a separate thread."""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import Any, Protocol

from . import unpack

READ = 1 << 17
CHUNK = 1 << 18
"""Bytes of decompressed content in each chunk, whatever their compressed size."""
CHUNKS_AHEAD = 8


class ArchiveSource(Protocol):
    """A source of archive bytes."""

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes, none at the end."""


class Decompressed:
    """The content of a compressed archive; leaving the block ends the thread at any point.
    ``length`` is the permitted number of decompressed bytes, None for any number."""

    def __init__(self, source: ArchiveSource, length: int | None = None) -> None:
        self._source, self._left = _Digested(source), length
        self._content: queue.Queue[bytes | BaseException] = queue.Queue(CHUNKS_AHEAD)
        self._stopped = False
        self._now, self._at = b"", 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Decompressed:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped = True
        while self._thread.is_alive():
            try:
                self._content.get(timeout=0.01)
            except queue.Empty:
                continue

    def read(self, count: int) -> bytes:
        """Exactly ``count`` bytes of the content. Raises BadArchive if fewer are left, and the
        source's exceptions."""
        parts = []
        while True:
            part = self._now[self._at : self._at + count]
            self._at += len(part)
            count -= len(part)
            parts.append(part)
            if not count:
                return b"".join(parts)
            self._now, self._at = self._next(), 0
            if not self._now:
                raise unpack.BadArchive("unexpected end of the archive")

    def digest(self) -> str:
        """The SHA-256 of the whole source, after reading the rest of it."""
        while self._next():
            pass
        return self._source.sha.hexdigest()

    def _next(self) -> bytes:
        content = self._content.get()
        if isinstance(content, BaseException):
            raise content
        return content

    def _run(self) -> None:
        import zstandard

        decompressor: Any = zstandard.ZstdDecompressor()
        stream = decompressor.stream_reader(self._source, read_size=READ)
        try:
            while not self._stopped and (content := stream.read(CHUNK)):
                if self._left is not None:
                    self._left -= len(content)
                    if self._left < 0:
                        raise unpack.BadArchive("it contains more than its manifest says")
                self._content.put(content)
            # Bytes after the compressed content also count for the digest.
            while not self._stopped and self._source.read(READ):
                pass
            self._content.put(b"")
        except zstandard.ZstdError as error:
            self._content.put(unpack.BadArchive(str(error)))
        except BaseException as error:  # noqa: BLE001 - raised again in _next()
            self._content.put(error)


class _Digested:
    """A source, with the digest of the bytes read from it."""

    def __init__(self, source: ArchiveSource) -> None:
        self._source = source
        self.sha = hashlib.sha256()

    def read(self, count: int) -> bytes:
        content = self._source.read(count)
        self.sha.update(content)
        return content
