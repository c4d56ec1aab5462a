"""How jobs ended, as their starts have seen it. Without this record, what exited is started again,
as Compose does; a job that others wait for counts as done where it exited with code 0."""

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
    """How containers ended, by their ids."""
    return cache_entry.load(_place(cache, project), _ended) or {}


def save(cache: Path, project: str, new: Iterable[Ended], there: Collection[str]) -> None:
    """Remember these, and forget of the others those whose container is not ``there`` any more."""
    ended = {key: one for key, one in load(cache, project).items() if key in there}
    ended |= {one.container: one for one in new}
    cache_entry.save(_place(cache, project), {key: asdict(one) for key, one in ended.items()})
