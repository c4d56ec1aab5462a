"""The container's main process: `python3 -m supervisor FOLDER STATE`.

It runs `python3 -m processing.submit VERSION ARCHIVE` in a copy of the code in FOLDER, for as long
as the container runs. An edit that can't be imported is refused while the code before it runs on;
one that turns out not to work is taken back. The code that worked is kept in STATE, for a container
that is started, or recreated, while an edit can't run. A job that fails is started again, with
pauses that grow, and is not given up: only where the job itself says that trying again is of no
use, and no other code is known to work, does the container end.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from supervisor.child import SIGNALS
from supervisor.supervise import Supervisor


def main(folder: str, state: str) -> int:
    """Supervises the job until the container stops; gives the container's exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    return Supervisor(Path(folder), Path(state)).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
