"""The last line of each service's log, as it is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from composetasks.facts import Container
from composetasks.observe.logs.follow import Follow
from composetasks.observe.logs.read import LogError, LogRange
from composetasks.observe.start.watch import Watch
from composetasks.run.failure import EngineLost
from composetasks.run.masking import safe

if TYPE_CHECKING:
    from docker import APIClient

CHANGES = ("create", "start", "die", "destroy", "rename")
OFTEN_SECONDS = 0.25
"""The minimum interval between two announcements of new lines."""
LONGEST = 500


class LastLines:
    """The last lines of a project's services while the context is active; ``wake`` is called when
    there are new lines. Logs that can't be read have no lines."""

    def __init__(
        self,
        client: APIClient,
        project: str,
        find: Callable[[], Sequence[Container]],
        wake: Callable[[], None],
    ) -> None:
        self._watch = Watch(client, project, CHANGES)
        wanted = LogRange(tail=1)
        self._follow = Follow(client, self._watch, find, wanted, {}, lambda _: None)
        self._wake = wake
        self._lines: dict[str, str] = {}

    def __enter__(self) -> LastLines:
        self._watch.__enter__()
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._follow.close()
        self._watch.__exit__(*exc)

    def texts(self) -> Mapping[str, str]:
        """Return the last line of each service that wrote one, without secrets."""
        return {name: safe(line) for name, line in dict(self._lines).items()}

    def _read(self) -> None:
        told_at = 0.0
        try:
            for batch in self._follow.batches():
                for line in batch:
                    if line.line.strip():
                        self._lines[line.service] = line.line[:LONGEST]
                if time.monotonic() - told_at > OFTEN_SECONDS:
                    told_at = time.monotonic()
                    self._wake()
        except (EngineLost, LogError, OSError):
            return  # the page's own events show the failure
