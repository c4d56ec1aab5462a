"""Whether a checkpoint fits its topic, told before the stream starts.

Spark itself notices that messages are gone only when it reads them: minutes later, in many words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Offsets = Mapping[int, int]
"""By partition: the offset of the next message."""


class CutCheckpoint(Exception):
    """A checkpoint's file is not whole. Its text names the file and what is wrong with it."""


def committed(folder: Path, topic: str) -> dict[int, int]:
    """Where the stream goes on: the end of the last batch that was done. Empty for a new one.

    Spark keeps a file for each batch in `offsets`, whose last line is JSON, and one in `commits`
    for each that was done. It reads the last file of each, and the offsets of the last two
    batches. Raises CutCheckpoint where one of them can't be read.
    """
    done = _numbers(folder / "commits")
    planned = _numbers(folder / "offsets")
    for number in planned[-2:]:
        _offsets(folder / "offsets" / str(number), topic)
    if not done:
        return {}
    _document(folder / "commits" / str(done[-1]))
    return _offsets(folder / "offsets" / str(done[-1]), topic)


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdigit())


def _offsets(file: Path, topic: str) -> dict[int, int]:
    offsets: Any = _document(file).get(topic)
    try:
        return {int(partition): int(offset) for partition, offset in offsets.items()}
    except (AttributeError, ValueError, TypeError) as error:
        raise CutCheckpoint(f"{file} names no offsets of topic {topic}") from error


def _document(file: Path) -> dict[str, Any]:
    """The JSON in the last line of one of Spark's files, whose first line is a version."""
    try:
        lines = file.read_text().splitlines()
        if len(lines) < 2 or not lines[0].startswith("v"):
            raise CutCheckpoint(f"{file} is cut short")
        found = json.loads(lines[-1])
    except FileNotFoundError as error:
        raise CutCheckpoint(f"{file} is missing") from error
    except ValueError as error:
        raise CutCheckpoint(f"{file} is cut short or overwritten") from error
    if not isinstance(found, dict):
        raise CutCheckpoint(f"{file} is overwritten")
    return found


def misfit(committed: Offsets, first: Offsets, end: Offsets) -> str | None:
    """Why the stream can't go on in a topic that reaches from `first` to `end`, or None."""
    for partition, offset in sorted(committed.items()):
        if offset < first.get(partition, 0):
            gone = first[partition] - offset
            return f"{gone} messages of partition {partition} are gone that were not yet scored"
        if offset > end.get(partition, 0):
            return (
                f"partition {partition} ends at {end.get(partition, 0)}, but {offset}"
                " messages of it were scored already"
            )
    return None
