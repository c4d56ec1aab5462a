"""The project's state, and the snapshots of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from composetasks.facts.frozen import frozen


@frozen
class State:
    """A piece of state: a named volume of the project, or a mounted folder inside the project.
    ``kind`` is ``volume`` (``source`` is its key in the model, ``place`` its name on the engine) or
    ``folder`` (``source`` is relative to the project's folder, ``place`` its real path).
    ``services`` mount it, ``containers`` (ids) have it mounted. ``folder`` is the folder of the
    engine's host that a volume's driver options mount ("" if none), and ``outside_project``: that
    folder lies outside the project. ``bytes``, ``files``, ``folders`` and ``modified`` (the time of
    the last change in it) are measurements; None and "" before that.
    """

    name: str
    kind: str
    source: str
    place: str
    services: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    group: str = ""
    cache: bool = False
    description: str = ""
    exists: bool = True
    folder: str = ""
    outside_project: bool = False
    bytes: int | None = None
    files: int | None = None
    folders: int | None = None
    modified: str = ""


@frozen
class Unkept:
    """A mount that services may write to but that is not state: ``what`` it is, and the ``reason``,
    worded so that several mounts can share it. ``in_memory``: it is empty after a stop; ``untold``:
    it may hold data nevertheless."""

    what: str
    services: tuple[str, ...]
    reason: str
    in_memory: bool = False
    untold: bool = False


@frozen
class SnapshotPart:
    """A piece of state in a snapshot. ``bytes`` and ``files`` measure its content; ``special``
    counts the devices and the privileged programs (set-user-ID, set-group-ID, file capabilities) in
    it (None if not counted)."""

    name: str
    kind: str
    bytes: int
    files: int
    special: int | None = None


@frozen
class Snapshot:
    """A snapshot. ``bytes`` is its size on disk, ``images`` maps each service to the id of the
    image it ran, ``problem`` is why it can't be restored ("" if no problem is known);
    ``made_here``: this checkout created it, and it has not been changed since."""

    name: str
    created: str
    bytes: int
    state: tuple[SnapshotPart, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    made_here: bool = False
