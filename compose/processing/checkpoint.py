"""Whether a checkpoint fits its topic, told before the stream starts.

Spark itself notices that messages are gone only when it reads them: minutes later, in many words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

Offsets = Mapping[int, int]
"""By partition: the offset of the next message."""


def committed(folder: Path, topic: str) -> dict[int, int]:
    """Where the stream goes on: the end of the last batch that was done. Empty for a new one.

    Spark keeps a file for each batch in `offsets`, whose last line is JSON, and one in `commits`
    for each that was done.
    """
    done = [int(path.name) for path in folder.glob("commits/*") if path.name.isdigit()]
    if not done:
        return {}
    last_line = (folder / "offsets" / str(max(done))).read_text().splitlines()[-1]
    offsets = json.loads(last_line)[topic]
    return {int(partition): int(offset) for partition, offset in offsets.items()}


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
