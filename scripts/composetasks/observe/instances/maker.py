"""Who makes a project on an engine of another host, told apart from others by machine."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
from pathlib import Path

from composetasks.facts import Engine, Maker
from composetasks.facts.world import MAKER_LABEL


def myself(directory: Path) -> Maker:
    """Who runs this task, where, and for the project in which folder."""
    user = str(os.getuid())
    with contextlib.suppress(KeyError, OSError):  # no such user in the password file
        user = getpass.getuser()
    machine = ""
    with contextlib.suppress(OSError):
        machine = Path("/etc/machine-id").read_text("ascii").strip()[:12]
    return Maker(user, socket.gethostname(), os.path.realpath(directory), machine)


def other_maker(engine: Engine, project: str, me: Maker) -> Maker | None:
    """Who made the project on the engine, None where that was done from this machine or where
    nobody said."""
    for volume in engine.volumes:
        if volume.labels.get(f"{MAKER_LABEL}project") == project:
            kept = (volume.labels.get(f"{MAKER_LABEL}{name}", "") for name in me.labels())
            found = Maker(*kept)
            if (found.host, found.machine) != (me.host, me.machine):
                return found
    return None
