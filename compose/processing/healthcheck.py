"""Ends with 0 only while the stream really runs; else says why not and ends with 1."""

from __future__ import annotations

import sys
import time

from processing import heartbeat


def main() -> int:
    """The container's health check."""
    beat = heartbeat.read()
    alive = beat is not None and heartbeat.is_alive(beat.pid)
    complaint = heartbeat.complaint(beat, time.time(), alive)
    print(complaint or "streaming")
    return 1 if complaint else 0


if __name__ == "__main__":
    sys.exit(main())
