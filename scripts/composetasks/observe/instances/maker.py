"""Who created a project, and from which checkout. On a remote engine, creators are distinguished by
machine."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
from pathlib import Path

from composetasks.facts import Engine, Maker
from composetasks.facts.world import MAKER_LABEL
from composetasks.run import git
from composetasks.run.owner import machine_id


def myself(directory: Path) -> Maker:
    """Return the user and machine that run this task, and the project's folder."""
    user = str(os.getuid())
    with contextlib.suppress(KeyError, OSError):  # no such user in the password file
        user = getpass.getuser()
    return Maker(user, socket.gethostname(), os.path.realpath(directory), machine_id())


def other_maker(engine: Engine, project: str, me: Maker) -> Maker | None:
    """Return the creator of the project on the engine; None if it was created from this machine, or
    if no label names the creator."""
    for volume in engine.volumes:
        if volume.labels.get(f"{MAKER_LABEL}project") == project:
            labels = (volume.labels.get(f"{MAKER_LABEL}{name}", "") for name in me.labels())
            maker = Maker(*labels)
            if (maker.host, maker.machine) != (me.host, me.machine):
                return maker
    return None


def checkout_name(directory: Path) -> str:
    """Return the folder name of the checkout: that of the git work tree around ``directory`` (a
    linked work tree has a file ``.git`` instead of a folder), or else of ``directory`` itself."""
    return (git.work_tree(directory) or directory).name


def same_checkout(path: Path, other: Path) -> bool:
    """Tell whether two working folders of Compose (real paths) belong to one checkout: one contains
    the other, as with and without ``COMPOSE_FILE=deploy/compose.yaml``, and no git work tree begins
    between them."""
    outer, inner = sorted((path, other), key=lambda place: len(place.parts))
    if not inner.is_relative_to(outer):
        return False
    between = [place for place in (inner, *inner.parents) if outer in place.parents]
    return not any(os.path.exists(place / ".git") for place in between)
