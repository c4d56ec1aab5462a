"""What `composetasks init` sees of a project, and what it proposes for it."""

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
which are nobody's secret. A project's own variables may have their prefix."""


@frozen
class ModelVariable:
    """A variable that the compose files interpolate, or that ``.env`` sets: ``default`` is that of
    the compose files, ``value`` that of ``.env`` ("" for none), ``comment`` what stands above it
    there; ``required`` that Compose refuses the model without it, with ``message``; ``formed``
    that it is used where Compose has a form of its own, in which a number is only one of the
    things that may stand: a published port (``127.0.0.1:80``), a user, a size, an image's tag."""

    name: str
    default: str = ""
    value: str = ""
    required: bool = False
    message: str = ""
    secret: bool = False
    formed: bool = False
    comment: tuple[str, ...] = ()


@frozen
class Surroundings:
    """A project as it is before: ``texts`` are the files that could be proposed and are there
    already, ``scripts`` the shell scripts that speak of Docker, both by their path in the project.
    ``contexts`` are the build contexts with a pattern for each thing that they should leave out:
    our own folder, and git's; ``state`` the folders that services keep their state in;
    ``tracked`` the files that git has; ``requirement`` is what pip installs us by,
    "" where nobody else has that;
    ``example`` the text of the file that shows what ``.env`` may hold, under whatever name;
    ``files`` the compose files where nothing in the project names them: COMPOSE_FILE of whoever
    runs this does."""

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
    """What becomes of a file: it is created, gets lines at its end, or is left to its owner."""

    CREATE = "create"
    APPEND = "append"
    LEAVE = "leave"


@frozen
class ProposedFile:
    """A file as it is (None where it is not there) and as it is proposed."""

    path: str
    proposal: Proposal
    old: str | None
    new: str


class Fate(str, enum.Enum):
    """What becomes of a command of a start script: a task does it, nothing has to, it stays, or
    nobody knows."""

    REPLACED = "replaced"
    NEEDLESS = "needless"
    STAYS = "stays"
    UNKNOWN = "unknown"


@frozen
class Replacement:
    """What becomes of the lines ``first`` to ``last`` of a script, by which ``tasks``, and why."""

    first: int
    last: int
    text: str
    fate: Fate
    tasks: tuple[str, ...] = ()
    why: str = ""


@frozen
class InitPlan:
    """All that init proposes: files, and what replaces each script."""

    project: str
    files: tuple[ProposedFile, ...] = ()
    scripts: Mapping[str, tuple[Replacement, ...]] = field(default_factory=dict)

    @property
    def written(self) -> tuple[ProposedFile, ...]:
        """The files that are created or get lines."""
        return tuple(one for one in self.files if one.proposal is not Proposal.LEAVE)
