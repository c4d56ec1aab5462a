"""Whether every folder of a context is as it was. Of each a mark of its listing is kept beside the
memory of its files: that is hundreds of times as long, and is not read where nothing changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from composetasks.observe.images.folders import mark
from composetasks.store import cache_entry

Key = tuple[int, str]
"""A root's number and a folder's path in the context."""


class Marks(NamedTuple):
    """The marks of a context's folders, in the order in which they were read, and what came of
    them; ``version`` and ``view`` are those of the memory beside them."""

    version: int
    folder: str
    view: str
    digest: str
    size: int
    biggest: tuple[tuple[str, int], ...]
    of: Mapping[Key, str]


def marks_of(listings: Iterable[tuple[Key, str]]) -> dict[Key, str]:
    """The marks of folders that were listed so."""
    return {key: mark(listing) for key, listing in listings}


def load(entry: Path) -> Marks | None:
    """The marks beside a memory; None where there are none."""
    return cache_entry.load(_place(entry), _understood)


def save(entry: Path, marks: Marks) -> None:
    """Keep marks beside a memory."""
    folders = [(*key, mark) for key, mark in marks.of.items()]
    cache_entry.save(_place(entry), {**marks._asdict(), "of": folders})


def _place(entry: Path) -> Path:
    return entry.with_name(f"marks-{entry.name}")


def _understood(entry: Any) -> Marks:
    of = {(int(number), str(path)): str(mark) for number, path, mark in entry["of"]}
    biggest = tuple((str(name), int(size)) for name, size in entry["biggest"])
    folder, view, digest = (str(entry[key]) for key in ("folder", "view", "digest"))
    return Marks(int(entry["version"]), folder, view, digest, int(entry["size"]), biggest, of)
