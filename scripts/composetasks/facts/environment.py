"""The variables: where each comes from, what is wrong with it, who uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path

from composetasks.facts.frozen import frozen


@frozen
class Reading:
    """A statement of a dotenv file as one program reads it: ``value`` None is a name alone,
    ``refused`` says why it can't be read, ``unset`` which variables it uses that nothing sets."""

    name: str
    line: int
    value: str | None = None
    refused: str = ""
    unset: tuple[str, ...] = ()


@frozen
class EnvFile:
    """A dotenv file as Compose and as python-dotenv read it. ``traits`` holds what is odd about
    it as a whole: missing, open (others can read it), crlf, bom, utf-16, nul, not-utf-8; or that it
    is plain, so that the two can't differ."""

    path: Path
    lines: tuple[str, ...] = ()
    compose: tuple[Reading, ...] = ()
    dotenv: tuple[Reading, ...] = ()
    traits: frozenset[str] = frozenset()

    @cached_property
    def set(self) -> Mapping[str, Reading]:
        """What Compose reads for each name that has a value: the last of its lines counts."""
        return {one.name: one for one in self.compose if one.value is not None}


@frozen
class Variable:
    """A variable of ``.env.example``; ``type`` is the words of its notation, none for any text."""

    name: str
    line: int
    default: str = ""
    type: tuple[str, ...] = ()
    required: bool = False
    meaning: str = ""


@frozen
class Environment:
    """Where variables come from: the process, then ``files``, the first of them that has a name
    winning. ``specification`` is the path of ``.env.example`` where it is one, ``example`` that of
    a file that shows what ``.env`` may hold, whether or not it is one; ``demanded`` are
    the variables that compose files require (name, file, line, Compose's message, whether empty
    is refused too), ``used`` all names they use and where first, ``absent`` the variables whose
    value is a path at which there is nothing."""

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
        """The specification's variables by name; of one that stands there twice, the first."""
        return {one.name: one for one in reversed(self.variables)}


@frozen
class Setting:
    """A value that something gives a variable: ``source`` is a file as the user would write it,
    with the ``line`` (0 for none), ``process``, ``compose`` for a default, or ``unset``."""

    source: str
    value: str | None = None
    line: int = 0


@frozen
class VariableStatus:
    """A variable as ``env`` tells it: what counts, what that overrides, which services use it, and
    whether their running containers have it (None where that can't be told)."""

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
    """What is wrong with the environment: ``severity`` fatal or warning, ``file`` as the user
    would write it, "" and 0 where it is the process environment's; ``unknown`` says that it is a
    name which nothing knows."""

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
    section's key), the defaults that compose files have for variables that are not set, and what
    only included files get: name to value and the dotenv file that sets it."""

    services: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    included: Mapping[str, tuple[str, Path]] = field(default_factory=dict)
