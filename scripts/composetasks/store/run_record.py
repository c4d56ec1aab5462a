"""What a run leaves in its folder: ``plan.json``, ``events.jsonl`` and, where a start failed,
``failure.json`` with its page, ``failure.txt``. The documents are the report's."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from composetasks.run.external_failures import FULL
from composetasks.store.folder import read_json, write_json

FAILURE = "failure.json"
PAGE = "failure.txt"


class _Spared(io.FileIO):
    """A file that takes no more where the disk is full, and says nothing of it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return len(data)


def log_file(path: Path) -> IO[str]:
    """A log that text is added to; what is logged does not end for a disk that is full."""
    try:
        file = _Spared(path, "a")
    except OSError as error:
        if error.errno not in FULL:
            raise
        file = _Spared(os.devnull, "w")
    return io.TextIOWrapper(io.BufferedWriter(file), "utf-8", "backslashreplace")


class RunRecord:
    """The record of the run whose folder is ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, document: Mapping[str, Any]) -> None:
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (self.folder / "plan.json").write_text(text + "\n", "utf-8", "backslashreplace")

    def event(self, document: Mapping[str, Any]) -> None:
        """Add an event, so that it is there whatever becomes of the run."""
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as events:
            events.write(json.dumps(document) + "\n")

    def failure(self, document: Mapping[str, Any], page: str) -> None:
        write_json(self.folder / FAILURE, document)
        (self.folder / PAGE).write_text(page, "utf-8", "backslashreplace")

    @property
    def page(self) -> str:
        """Where the page of a failure is, from here where that is shorter."""
        place = self.folder / PAGE
        relative = os.path.relpath(place)
        return str(place) if relative.startswith(os.pardir) else relative

    def changed_before(self, service: str) -> Sequence[str]:
        """What the failed starts before this one changed: a service that still fails has not
        worked since, and the change that broke it is not in this plan any more."""
        for run in sorted(self.folder.parent.iterdir(), reverse=True):
            if run.name >= self.folder.name or not run.name.endswith(("-up", "-watch")):
                continue
            before = read_json(run / FAILURE)
            if before is None or before.get("service") != service:
                return ()
            changed = before.get("changed")
            return [str(one) for one in changed] if isinstance(changed, list) else ()
        return ()
