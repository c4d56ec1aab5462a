"""The watcher of an instance: waits for the end of its owner, then ends the instance.

    python -m composetasks.verbs.watcher [--now] FOLDER

The first task of an instance with an owner starts it in its own session, so that it survives the
end of that task, its process group and its terminal. ``--now`` does not wait: for an owner that
ends its instance itself and needs to know when that is done.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

from composetasks.apply.instances.teardown import end_instance
from composetasks.observe.engine.inventory import connect
from composetasks.run import owner, process
from composetasks.run.external_failures import as_failure
from composetasks.run.failure import TaskFailure
from composetasks.store import instance_folder
from composetasks.store.folder import now

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
GIVE_UP_SECONDS = 1800.0
"""An engine may be starting again; after this time, the project's next task ends the instance."""


def ensure_watched(place: Path) -> None:
    """Start the watcher if none runs. Its lock is taken here and passed on to it, so that there is
    always exactly one watcher."""
    descriptor = os.open(place / instance_folder.WATCHER, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        command = [sys.executable, "-m", "composetasks.verbs.watcher", str(place)]
        process.detach(command, log=place / "watcher.log", holding=descriptor)
    finally:
        os.close(descriptor)


def watch(place: Path, *, wait: bool) -> int:
    """Return 0 if nothing of the instance is left, or if it has another owner now."""
    text = instance_folder.recorded(place) or ""
    living = owner.parse(text)
    if living is None:
        print(f"{now()} {place} has no owner", file=sys.stderr)
        return 1
    if wait:
        owner.wait_for_end(living)
    pause, deadline = FIRST_PAUSE_SECONDS, time.monotonic() + GIVE_UP_SECONDS
    while True:
        problem = _ended(place, text)
        if not problem:
            return 0
        print(f"{now()} {problem}", file=sys.stderr, flush=True)
        if not wait or time.monotonic() > deadline:
            return 1
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _ended(place: Path, text: str) -> str:
    """End the instance; return the reason for a failure, "" if there is none."""
    try:
        client = connect()
        try:
            end_instance(client, place.name, text, place)
        finally:
            client.close()
    except TaskFailure as failure:
        return f"{failure.message} {failure.detail}".strip()
    except (OSError, RuntimeError) as error:
        external = as_failure(error)
        return external.message if external else f"{type(error).__name__}: {error}"
    return ""


def main() -> int:
    """The command line: a folder, and whether to wait."""
    arguments = [one for one in sys.argv[1:] if one != "--now"]
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    return watch(Path(arguments[0]), wait="--now" not in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
