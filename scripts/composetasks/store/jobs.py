"""How jobs ended, as their starts observed it. Without a record, an exited container is started
again, as in Compose; a job that others wait for counts as done if it exited with code 0."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from composetasks.facts.jobs import Ended
from composetasks.store import cache_entry


def _place(cache: Path, project: str) -> Path:
    return cache / f"jobs-{project}.json"


def _ended(value: Any) -> dict[str, Ended]:
    return {
        key: Ended(
            container=key,
            started=str(record["started"]),
            by_itself=record["by_itself"] is True,
            until=str(record["until"]),
            mounted=cache_entry.as_texts(record["mounted"]),
        )
        for key, record in cache_entry.as_mapping(value).items()
    }


def load(cache: Path, project: str) -> dict[str, Ended]:
    """How containers ended, by container id."""
    return cache_entry.load(_place(cache, project), _ended) or {}


def save(cache: Path, project: str, new: Iterable[Ended], there: Collection[str]) -> None:
    """Record ``new``; of the other records, keep only those whose container is still ``there``."""
    ended = {key: one for key, one in load(cache, project).items() if key in there}
    ended |= {one.container: one for one in new}
    cache_entry.save(_place(cache, project), {key: asdict(one) for key, one in ended.items()})
