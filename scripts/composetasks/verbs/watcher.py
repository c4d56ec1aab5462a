"""The watcher of an instance: waits for the end of its owner, then ends the instance.

    python -m composetasks.verbs.watcher [--now] FOLDER

It is started by the first task of an instance that has an owner, in a session of its own, and
nothing that ends that task, its process group or its terminal ends it. ``--now`` does not wait:
for an owner that ends its instance itself, and wants to see it gone.
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
"""An engine may be on its way up again; after that the next task of the project does it."""


def ensure_watched(place: Path) -> None:
    """Start the watcher where none lives. The lock is taken here and handed on to it, so that
    there is never a second one, nor a moment without."""
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


def watch(place: Path, *, wait: bool = True) -> int:
    """Returns 0 where nothing of the instance is left, or it has become another's."""
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
    """End the instance; what kept it from that, "" where nothing did."""
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
