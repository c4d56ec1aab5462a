"""The names that a user may type, as of the last run, for completion without the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from composetasks.store import cache_entry

FILE = "names.json"
SERVICES, STATE = "services", "state"


def keep(cache: Path, **names: Iterable[str]) -> None:
    """Store the names of one or several kinds if they differ from the stored ones."""
    recorded = known_names(cache)
    wanted = {**recorded, **{kind: sorted(set(found)) for kind, found in names.items()}}
    if wanted != recorded:
        cache_entry.save(cache / FILE, wanted)


def known_names(cache: Path) -> dict[str, list[str]]:
    """The names by kind."""
    return cache_entry.load(cache / FILE, _understand) or {}


def _understand(value: Any) -> dict[str, list[str]]:
    mapping: Mapping[str, Any] = cache_entry.as_mapping(value)
    return {kind: cache_entry.as_names(names) for kind, names in mapping.items()}


def folders(place: Path) -> list[str]:
    """The names of the folders in ``place``: of snapshots, or of instances."""
    try:
        return sorted(one.name for one in place.iterdir() if one.name[:1] != "." and one.is_dir())
    except OSError:
        return []
