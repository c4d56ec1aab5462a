"""Folders of build contexts listed ahead.

A start spends its first tenths of a second on the engine's client and its answers. Where contexts
hold many files, a fork lists meanwhile the folders that were listed the last time, the last ones
first; whoever reads the inputs then begins with the first, and they meet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from composetasks.facts import Model
from composetasks.observe.images.listings import list_folder
from composetasks.observe.images.tree import cache_file, kept_folders
from composetasks.run.forked import ForkedValues

WORTHWHILE = 1 << 22
"""Bytes of entries from which on a fork saves more than it costs: some 30,000 files."""


def _listings(entries: Sequence[Path]) -> Iterator[tuple[str, str]]:
    folders = [path for entry in entries for path in kept_folders(entry)]
    for path in dict.fromkeys(reversed(folders)):
        with contextlib.suppress(OSError):
            yield path, list_folder(path)


def listed_ahead(
    model: Model, cache: Path
) -> contextlib.AbstractContextManager[ForkedValues | None]:
    """What is listed ahead of a model's contexts, as :func:`listed_by`."""
    built = (one.name for one in model.services.values() if one.build)
    return listed_by(cache_file(cache, name, "") for name in built)


@contextlib.contextmanager
def listed_by(entries: Iterable[Path]) -> Iterator[ForkedValues | None]:
    """What is listed ahead for the block, of the folders that these entries know; None where that
    would not be worthwhile."""
    entries = [path for path in entries if path.exists()]
    if sum(path.stat().st_size for path in entries) < WORTHWHILE:
        yield None
        return
    ahead = ForkedValues(lambda: _listings(entries))
    try:
        yield ahead
    finally:
        ahead.end()
