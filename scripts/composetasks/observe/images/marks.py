"""Detect whether every folder of a context is unchanged, by a mark of its listing. The marks make
it unnecessary to read the cache beside them, which is hundreds of times larger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from composetasks.store import cache_entry

Key = tuple[int, str]
"""A root's number and a folder's path in the context."""


class Marks(NamedTuple):
    """The marks of a context's folders, in the order of reading, and the results; ``version`` and
    ``view`` are those of the cache beside them."""

    version: int
    folder: str
    view: str
    digest: str
    size: int
    biggest: tuple[tuple[str, int], ...]
    of: Mapping[Key, str]


def load(entry: Path) -> Marks | None:
    """Return the marks beside a cache file; None if there are none."""
    return cache_entry.load(_place(entry), _understood)


def save(entry: Path, marks: Marks) -> None:
    """Store marks beside a cache file."""
    folders = [(*key, mark) for key, mark in marks.of.items()]
    cache_entry.save(_place(entry), {**marks._asdict(), "of": folders})


def _place(entry: Path) -> Path:
    return entry.with_name(f"marks-{entry.name}")


def _understood(entry: Any) -> Marks:
    of = {(int(number), str(path)): str(mark) for number, path, mark in entry["of"]}
    biggest = tuple((str(name), int(size)) for name, size in entry["biggest"])
    folder, view, digest = (str(entry[key]) for key in ("folder", "view", "digest"))
    return Marks(int(entry["version"]), folder, view, digest, int(entry["size"]), biggest, of)
