"""Lines of several containers put in order of time while they are still being written."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from composetasks.facts import LogLine
from composetasks.observe.logs.read import by_time

HOLD_SECONDS = 0.1
"""How long a line waits for earlier ones of other containers: more than the engine and this
program need to hand a line on, less than a reader notices."""
LONGEST_SECONDS = 1.0
"""How long it waits at most while logs are still being opened."""
MOST_HELD = 20_000
"""Lines held at most; in a flood the wait is cut short."""


class Ordering:
    """Holds lines back for HOLD_SECONDS and gives them out by time.

    While a log is being opened :meth:`postpone` lets lines wait longer, for what that holds may
    be earlier. Moments (``now``) are seconds of any one clock that never runs backwards.
    """

    def __init__(self) -> None:
        self._held: list[LogLine] = []
        self._arrivals: deque[tuple[float, str]] = deque()
        self._not_before = 0.0

    def add(self, lines: Sequence[LogLine], now: float) -> None:
        """Take lines that have just come."""
        if lines:
            self._held += lines
            self._arrivals.append((now, max(lines, key=by_time).time))

    def postpone(self, now: float) -> None:
        """Hold what there is for HOLD_SECONDS from now, but not for longer than LONGEST_SECONDS."""
        self._not_before = now + HOLD_SECONDS

    def _due(self, arrival: float) -> float:
        return min(max(arrival + HOLD_SECONDS, self._not_before), arrival + LONGEST_SECONDS)

    def ready(self, now: float) -> list[LogLine]:
        """The lines whose time has come: those held long enough, and all that are earlier."""
        limit = ""
        while self._arrivals and (
            self._due(self._arrivals[0][0]) <= now or len(self._held) > MOST_HELD
        ):
            limit = max(limit, self._arrivals.popleft()[1])
        if not limit:
            return []
        self._held.sort(key=by_time)  # stable, and quick on runs that are sorted already
        cut = bisect_right(self._held, limit, key=by_time)
        given, self._held = self._held[:cut], self._held[cut:]
        return given

    def due(self) -> float | None:
        """When :meth:`ready` has something to give next; None while nothing is held."""
        return self._due(self._arrivals[0][0]) if self._arrivals else None

    def rest(self) -> list[LogLine]:
        """All that is held, at the end."""
        self._arrivals.clear()
        given, self._held = sorted(self._held, key=by_time), []
        return given
