"""The variables: the source of each, its problems, and the services that use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path

from composetasks.facts.frozen import frozen


@frozen
class Reading:
    """A statement of a dotenv file as one program reads it. ``value`` is None for a name alone;
    ``refused`` is why it can't be read; ``unset`` are the variables it uses that nothing sets."""

    name: str
    line: int
    value: str | None = None
    refused: str = ""
    unset: tuple[str, ...] = ()


@frozen
class EnvFile:
    """A dotenv file as Compose and as python-dotenv read it. ``traits`` are peculiarities of the
    whole file: missing, open (others can read it), crlf, bom, utf-16, nul, not-utf-8; or plain: the
    two programs can't read it differently."""

    path: Path
    lines: tuple[str, ...] = ()
    compose: tuple[Reading, ...] = ()
    dotenv: tuple[Reading, ...] = ()
    traits: frozenset[str] = frozenset()

    @cached_property
    def set(self) -> Mapping[str, Reading]:
        """The statement that Compose uses for each name that has a value: the last one in the
        file."""
        return {one.name: one for one in self.compose if one.value is not None}


@frozen
class Variable:
    """A variable of ``.env.example``; ``type`` is the words of its type notation, empty for any
    text."""

    name: str
    line: int
    default: str = ""
    type: tuple[str, ...] = ()
    required: bool = False
    meaning: str = ""


@frozen
class Environment:
    """The sources of variables: the process, then ``files``; the first file that has a name wins.
    ``specification`` is the path of ``.env.example`` if it is a specification; ``example`` is the
    path of a file that shows what ``.env`` may hold, whether or not it is a specification.
    ``demanded`` are the variables that compose files require (name, file, line, Compose's message,
    whether empty is refused too), ``used`` all names they use and the first place of each,
    ``absent`` the variables whose value is a path that does not exist."""

    folder: Path
    process: Mapping[str, str]
    files: tuple[EnvFile, ...] = ()
    specification: Path | None = None
    example: Path | None = None
    variables: tuple[Variable, ...] = ()
    demanded: tuple[tuple[str, Path, int, str, bool], ...] = ()
    used: Mapping[str, tuple[Path, int]] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    @cached_property
    def specified(self) -> Mapping[str, Variable]:
        """The specification's variables by name; of duplicates, the first."""
        return {one.name: one for one in reversed(self.variables)}


@frozen
class Setting:
    """A value that a source gives to a variable. ``source`` is ``process``, ``compose`` for a
    default, ``unset``, or a file as the user would write it, with the ``line`` (0 if there is
    none)."""

    source: str
    value: str | None = None
    line: int = 0


@frozen
class VariableStatus:
    """A variable as ``env`` shows it: the effective setting, the settings it overrides, the
    services that use it, and whether their running containers have the value (None if that is
    unknown)."""

    name: str
    setting: Setting
    overrides: tuple[Setting, ...] = ()
    secret: bool = False
    services: tuple[str, ...] = ()
    containers: Mapping[str, bool | None] = field(default_factory=dict)
    type: str = ""
    meaning: str = ""


@frozen
class Problem:
    """A problem of the environment: ``severity`` is fatal or warning; ``file`` is as the user would
    write it; ``file`` and ``line`` are "" and 0 for the process environment; ``unknown``: nothing
    in the project uses or describes the variable."""

    severity: str
    name: str
    file: str
    line: int
    message: str
    hint: str
    unknown: bool = False


@frozen
class Usage:
    """Which variables each service uses and where (``environment.NAME``, ``build.args``, or the
    section's key), the defaults that compose files have for variables that are not set, and the
    variables of included files only: name to value and the dotenv file that sets it."""

    services: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    included: Mapping[str, tuple[str, Path]] = field(default_factory=dict)
