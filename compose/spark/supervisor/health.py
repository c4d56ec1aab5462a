"""The container's health check: ends with 0 only while the stream really runs.

What it prints is kept by the engine, and shown by `inv status`: a line "warning: ..." of a stream
that runs, too.
"""

from __future__ import annotations

import errno
import os
import sys
import time

from supervisor import files
from supervisor.files import Heartbeat, Supervision

OLDEST_SECONDS = 60.0
"""A stream with nothing to do says so every ten seconds."""
LONGEST_BATCH_SECONDS = 1800.0
"""A batch may take its time; one that takes more hangs."""


def main() -> int:
    """The container's health check."""
    word = files.read_supervision()
    beat = files.read_heartbeat()
    alive = beat is not None and files.is_alive(beat.pid)
    why = complaint(beat, word, time.time(), alive=alive)
    if why and files.is_full():
        why = f"{os.strerror(errno.ENOSPC)}: {files.FOLDER.parent}; {why}"
    print(f"unhealthy, because: {why}" if why else f"streaming, code {word.version}")
    if word.refused:
        print(f"warning: {word.refused}")
    return 1 if why else 0


def complaint(beat: Heartbeat | None, word: Supervision, now: float, *, alive: bool) -> str | None:
    """Why the stream isn't working, in one line, or None when it is.

    `alive`: whether the heartbeat's process runs.
    """
    if beat is None or not alive:
        return word.failed or word.refused or "the job isn't running"
    if beat.state == files.STREAMING:
        return _silence(beat, now)
    if beat.why:
        return beat.why
    return f"the job is {beat.state}" + (f"; before that: {word.failed}" if word.failed else "")


def _silence(beat: Heartbeat, now: float) -> str | None:
    if beat.batch_since:
        seconds = now - beat.batch_since
        return f"a batch takes {seconds:.0f} s" if seconds > LONGEST_BATCH_SECONDS else None
    seconds = now - beat.time
    return f"the stream has said nothing for {seconds:.0f} s" if seconds > OLDEST_SECONDS else None


if __name__ == "__main__":
    sys.exit(main())
