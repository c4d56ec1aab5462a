"""``.composetasks/``: what the library keeps in the project's folder. Safe to delete."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

KEPT_RUNS = 20
STAMP = "%Y%m%dT%H%M%S.%fZ"
JOURNAL = "replacing.json"
"""What state is being replaced, there from before the first change to after the last one."""


@dataclass(frozen=True)
class Folder:
    """The library's own folder of a project, or of one of its instances; the cache is shared."""

    root: Path
    cache: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def make(self) -> None:
        """Make what is missing, ignored by git whatever the project's own rules say."""
        for path in (self.cache, self.runs):
            path.mkdir(parents=True, exist_ok=True)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def new_run(self, verb: str) -> Path:
        """A new run folder, named by time and verb; the oldest beyond KEPT_RUNS go."""
        run = self.runs / f"{self._stamp()}-{verb}"
        run.mkdir(parents=True, mode=0o700)
        for old in sorted(self.runs.iterdir())[:-KEPT_RUNS]:
            shutil.rmtree(old, ignore_errors=True)
        return run

    def _stamp(self) -> str:
        """The time, or just after that of the last run where the clock has been set back since:
        by their names, runs are in the order in which they were made."""
        moment = datetime.now(timezone.utc)
        last = max(self.runs.iterdir(), default=self.runs).name.partition("-")[0]
        with contextlib.suppress(ValueError):
            made = datetime.strptime(last, STAMP).replace(tzinfo=timezone.utc)
            moment = max(moment, made + timedelta(microseconds=1))
        return moment.strftime(STAMP)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document whole or not at all, readable by its owner only."""
    new = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(document, stream, indent=1, ensure_ascii=False)
    new.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """A document written by :func:`write_json`; None where there is none or it is damaged."""
    try:
        loaded = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) else None


def now() -> str:
    """The time, RFC 3339 in UTC with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
