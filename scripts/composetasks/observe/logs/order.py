"""Sort the lines of several containers by time while they are still being written."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from composetasks.facts import LogLine
from composetasks.observe.logs.read import by_time

HOLD_SECONDS = 0.1
"""How long a line waits for earlier lines of other containers: longer than the engine and this
program need to pass a line on, shorter than a reader notices."""
LONGEST_SECONDS = 1.0
"""The longest wait of a line while logs are still being opened."""
MOST_HELD = 20_000
"""The maximal number of lines held; a flood of lines shortens the wait."""


class Ordering:
    """Holds lines back for HOLD_SECONDS and returns them by time.

    While a log is being opened, :meth:`postpone` extends the wait, since its lines may be earlier.
    Moments (``now``) are seconds of any monotonic clock.
    """

    def __init__(self) -> None:
        self._held: list[LogLine] = []
        self._arrivals: deque[tuple[float, str]] = deque()
        self._not_before = 0.0

    def add(self, lines: Sequence[LogLine], now: float) -> None:
        """Add lines that have just arrived."""
        if lines:
            self._held += lines
            self._arrivals.append((now, max(lines, key=by_time).time))

    def postpone(self, now: float) -> None:
        """Hold the present lines for HOLD_SECONDS from now, but at most LONGEST_SECONDS in all."""
        self._not_before = now + HOLD_SECONDS

    def _due(self, arrival: float) -> float:
        return min(max(arrival + HOLD_SECONDS, self._not_before), arrival + LONGEST_SECONDS)

    def ready(self, now: float) -> list[LogLine]:
        """Return the lines that were held long enough, and all earlier ones."""
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
        """Return when :meth:`ready` next has lines to return; None if no lines are held."""
        return self._due(self._arrivals[0][0]) if self._arrivals else None

    def rest(self) -> list[LogLine]:
        """Return all lines that are still held, at the end."""
        self._arrivals.clear()
        given, self._held = sorted(self._held, key=by_time), []
        return given
