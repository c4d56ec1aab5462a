"""Who makes a project, and from which checkout. On an engine of another host, makers are told apart
by machine."""

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
            labels = (volume.labels.get(f"{MAKER_LABEL}{name}", "") for name in me.labels())
            maker = Maker(*labels)
            if (maker.host, maker.machine) != (me.host, me.machine):
                return maker
    return None


def checkout_name(directory: Path) -> str:
    """What the checkout's folder is called: that of the git work tree around ``directory`` (one of
    several has a file where the first has the folder ``.git``), else of ``directory`` itself."""
    for place in (directory, *directory.parents):
        if os.path.exists(place / ".git"):
            return place.name
    return directory.name


def same_checkout(path: Path, other: Path) -> bool:
    """Whether two folders (real paths) that Compose worked in are of one checkout: one is in the
    other, as with ``COMPOSE_FILE=deploy/compose.yaml`` and without, and no work tree of git begins
    in between."""
    outer, inner = sorted((path, other), key=lambda place: len(place.parts))
    if outer not in (inner, *inner.parents):
        return False
    between = [place for place in (inner, *inner.parents) if outer in place.parents]
    return not any(os.path.exists(place / ".git") for place in between)
