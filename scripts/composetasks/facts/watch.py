"""Watching files: rules, the edits they apply to, and what is done for those."""

from __future__ import annotations

import enum
from typing import Any

from composetasks.facts.frozen import frozen


class WatchAction(str, enum.Enum):
    """What a rule of ``develop.watch`` does, in Compose's words."""

    SYNC = "sync"
    REBUILD = "rebuild"
    RESTART = "restart"
    SYNC_RESTART = "sync+restart"
    SYNC_EXEC = "sync+exec"

    @property
    def copies(self) -> bool:
        return self.value.startswith("sync")


@frozen
class Hook:
    """The command of a ``sync+exec`` rule; ``environment`` is ``NAME=value``."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: tuple[str, ...] = ()


@frozen
class WatchRule:
    """A rule of a service. ``path`` is absolute, ``target`` the place in the container.
    ``mounted``: the container sees the path itself there, so nothing is copied. ``declared`` is
    False for a rule that is not in the model: the service has no ``develop`` section."""

    service: str
    action: WatchAction
    path: str
    target: str = ""
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    initial_sync: bool = False
    hook: Hook | None = None
    mounted: bool = False
    declared: bool = True


@frozen
class Edit:
    """A path that was added, modified or removed, and the rules it falls under. ``name`` is how it
    is told; ``below`` gives for each rule its path below that of the rule, "" for that itself."""

    path: str
    name: str
    change: str
    rules: tuple[WatchRule, ...]
    below: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        return {"path": self.name, "change": self.change}


@frozen
class Rebuild:
    """Build the images of services whose inputs changed, and recreate their containers."""

    services: tuple[str, ...]
    edits: tuple[Edit, ...]


@frozen
class Sync:
    """Copy files into the containers of a service (``copies``: place there to file here), and
    remove ``removals`` from them. ``initial`` says that nobody edited anything: the files are to be
    there from the beginning."""

    service: str
    copies: tuple[tuple[str, str], ...]
    removals: tuple[str, ...]
    edits: tuple[Edit, ...]
    initial: bool = False


@frozen
class Restart:
    """Restart the containers of services, as they are."""

    services: tuple[str, ...]
    edits: tuple[Edit, ...]


@frozen
class RunHook:
    """Run a command in the running containers of a service."""

    service: str
    hook: Hook
    edits: tuple[Edit, ...]


WatchOperation = Rebuild | Sync | Restart | RunHook
