"""State of the project, and the snapshots that keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from composetasks.facts.frozen import frozen


@frozen
class State:
    """A piece of state: a named volume of the project, or a folder below it that is mounted.

    ``kind`` is ``volume`` (``source`` is its key in the model, ``place`` its name on the engine)
    or ``folder`` (``source`` is relative to the project's folder, ``place`` its real path).
    ``services`` mount it, ``containers`` (ids) have it mounted. ``folder`` is the folder of the
    engine's host that a volume's driver options mount ("" for none), and ``outside_project`` says
    that it lies outside the project. ``bytes``, ``files``, ``folders`` and ``modified`` (when
    something in it changed last) are what was measured; None and "" before.
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
    """A mount that services may write to and that is no state: ``what`` it is, and the ``reason``
    in words that several can share. ``in_memory`` says that it is empty after a stop, ``untold``
    that it may be data all the same."""

    what: str
    services: tuple[str, ...]
    reason: str
    in_memory: bool = False
    untold: bool = False


@frozen
class SnapshotPart:
    """A piece of state as a snapshot holds it; ``bytes`` and ``files`` are its content's,
    ``special`` is how many of these are devices or programs that run with other rights than their
    caller's (None where that was not counted)."""

    name: str
    kind: str
    bytes: int
    files: int
    special: int | None = None


@frozen
class Snapshot:
    """A snapshot: ``bytes`` is what it takes on disk, ``images`` the id of the image each service
    ran, ``problem`` why it can't be restored ("" where nothing is known against it);
    ``made_here`` says that this checkout made it, and nobody has changed it since."""

    name: str
    created: str
    bytes: int
    state: tuple[SnapshotPart, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    made_here: bool = False
