"""Found first on PYTHONPATH, this sets the clock of a Python program back, and no other's:
by EARLIER_SECONDS. (libfaketime would do it for every program; it breaks Python's sleep.)"""

from __future__ import annotations

import datetime
import os
import time

BACK = float(os.environ["EARLIER_SECONDS"])
_now, _time, _time_ns = datetime.datetime.now, time.time, time.time_ns


class Earlier(datetime.datetime):
    """A datetime whose now is some time ago."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Earlier:
        then = _now(tz) - datetime.timedelta(seconds=BACK)
        return cls.combine(then.date(), then.timetz())


datetime.datetime = Earlier  # type: ignore[misc]
time.time = lambda: _time() - BACK
time.time_ns = lambda: _time_ns() - int(BACK * 1e9)
