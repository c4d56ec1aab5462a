"""The record in a run's folder: ``plan.json``, ``events.jsonl`` and, if a start failed,
``failure.json`` with its page, ``failure.txt``. ``report`` builds the documents."""

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
    """A file that silently discards what is written when the disk is full."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return len(data)


def log_file(path: Path) -> IO[str]:
    """A log file opened for appending; a full disk ends the log, but not the logged work."""
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
        """Append an event at once, so that it is kept however the run ends."""
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as events:
            events.write(json.dumps(document) + "\n")

    def failure(self, document: Mapping[str, Any], page: str) -> None:
        write_json(self.folder / FAILURE, document)
        (self.folder / PAGE).write_text(page, "utf-8", "backslashreplace")

    @property
    def page(self) -> str:
        """The path of a failure's page, relative to the current folder if it is below it."""
        place = self.folder / PAGE
        relative = os.path.relpath(place)
        return str(place) if relative.startswith(os.pardir) else relative

    def changed_before(self, service: str) -> Sequence[str]:
        """The changes of the failed starts before this one: a service that still fails has not
        worked since, and the change that broke it is no longer in this plan."""
        for run in sorted(self.folder.parent.iterdir(), reverse=True):
            if run.name >= self.folder.name or not run.name.endswith(("-up", "-watch")):
                continue
            before = read_json(run / FAILURE)
            if before is None or before.get("service") != service:
                return ()
            changed = before.get("changed")
            return [str(one) for one in changed] if isinstance(changed, list) else ()
        return ()
