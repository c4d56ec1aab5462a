"""Watching files: the rules, the edits that they match, and the resulting operations."""

from __future__ import annotations

import enum
from typing import Any

from composetasks.facts.frozen import frozen


class WatchAction(str, enum.Enum):
    """The action of a rule of ``develop.watch``, in Compose's words."""

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
    """A rule of a service. ``path`` is absolute, ``target`` is the place in the container.
    ``mounted``: the path is mounted in the container, so nothing is copied. ``declared`` is False
    if the rule is not in the model because the service has no ``develop`` section."""

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
    """A path that was added, modified or removed, and the rules that match it. ``name`` is the path
    as shown to the user; ``below`` is, for each rule, the path relative to the rule's path ("" for
    that path itself)."""

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
    """Copy files into the containers of a service (``copies``: path in the container, file on this
    machine), and remove ``removals`` there. ``initial``: this is the initial sync of a rule,
    without an edit."""

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
