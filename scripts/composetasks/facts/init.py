"""A project as `composetasks init` observes it, and the files proposed for it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field

from composetasks.facts.frozen import frozen

OF_COMPOSE = frozenset(
    f"COMPOSE_{name}"
    for name in (
        *("ANSI", "BAKE", "COMPATIBILITY", "CONVERT_WINDOWS_PATHS", "DISABLE_ENV_FILE"),
        *("ENV_FILES", "EXPERIMENTAL", "FILE", "HTTP_TIMEOUT", "IGNORE_ORPHANS", "MENU"),
        *("PARALLEL_LIMIT", "PATH_SEPARATOR", "PROFILES", "PROGRESS", "PROJECT_NAME"),
        *("REMOVE_ORPHANS", "STATUS_STDOUT"),
    )
)
"""Compose's own settings (docs.docker.com, "pre-defined environment variables in Docker Compose"),
which are never secret. A project's own variables may share their prefix."""
OF_LOGIN = frozenset(("HOME", "LOGNAME", "OLDPWD", "PATH", "PWD", "SHELL", "USER"))
"""Variables that a login or a shell sets in every process: never the project's to choose."""


@frozen
class ModelVariable:
    """A variable that the compose files interpolate, or that ``.env`` sets. ``default`` is the
    default in the compose files, ``value`` the value in ``.env`` ("" if none), ``comment`` the
    comment above it there; ``required``: Compose refuses the model without it, with ``message``;
    ``formed``: it is used in a field with its own syntax, in which a number is only one of the
    allowed forms: a published port (``127.0.0.1:80``), a user, a size, an image's tag; ``absent``:
    as a path, one of its values leads to nothing, such as a folder that a start creates."""

    name: str
    default: str = ""
    value: str = ""
    required: bool = False
    message: str = ""
    secret: bool = False
    formed: bool = False
    absent: bool = False
    comment: tuple[str, ...] = ()


@frozen
class Surroundings:
    """The project before `init`: ``texts`` are the files that could be proposed and already exist,
    ``scripts`` the shell scripts that call Docker, both by their path in the project. ``contexts``
    are the build contexts, with a pattern for each path that they should exclude: this library's
    folder, and git's. ``state`` are the folders in which services keep state; ``tracked`` are the
    files tracked by git; ``requirement`` is what pip installs this library by, "" if it can't be
    obtained elsewhere; ``example`` is the text of the file that shows what ``.env`` may hold,
    whatever its name; ``files`` are the compose files if only the caller's COMPOSE_FILE names them
    and nothing in the project does."""

    project: str
    texts: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[ModelVariable, ...] = ()
    contexts: tuple[tuple[str, str], ...] = ()
    state: tuple[str, ...] = ()
    git: bool = False
    tracked: frozenset[str] = frozenset()
    requirement: str = "composetasks"
    example: str = ""
    files: tuple[str, ...] = ()


class Proposal(str, enum.Enum):
    """What happens to a file: it is created, lines are appended, or it is left unchanged."""

    CREATE = "create"
    APPEND = "append"
    LEAVE = "leave"


@frozen
class ProposedFile:
    """A file's current text (None if it does not exist) and its proposed text."""

    path: str
    proposal: Proposal
    old: str | None
    new: str


class Fate(str, enum.Enum):
    """What happens to a command of a start script: a task replaces it, it is needless, it stays, or
    its purpose is unknown."""

    REPLACED = "replaced"
    NEEDLESS = "needless"
    STAYS = "stays"
    UNKNOWN = "unknown"


@frozen
class Replacement:
    """What happens to the lines ``first`` to ``last`` of a script, the ``tasks`` that do this, and
    why."""

    first: int
    last: int
    text: str
    fate: Fate
    tasks: tuple[str, ...] = ()
    why: str = ""


@frozen
class InitPlan:
    """All that init proposes: files, and the replacements for each script."""

    project: str
    files: tuple[ProposedFile, ...] = ()
    scripts: Mapping[str, tuple[Replacement, ...]] = field(default_factory=dict)

    @property
    def written(self) -> tuple[ProposedFile, ...]:
        """The files that are created or appended to."""
        return tuple(one for one in self.files if one.proposal is not Proposal.LEAVE)
