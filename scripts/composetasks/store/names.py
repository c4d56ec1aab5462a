"""The names that a user may type, as the last run saw them: for completion, which asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from composetasks.store import cache_entry

FILE = "names.json"
SERVICES, STATE = "services", "state"


def keep(cache: Path, **names: Iterable[str]) -> None:
    """Keep the names of a kind or of several, where they are not what is kept already."""
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
    """The names of the folders in one of ours: those of snapshots, or of instances."""
    try:
        return sorted(one.name for one in place.iterdir() if one.name[:1] != "." and one.is_dir())
    except OSError:
        return []
