"""The needs of a Dockerfile's target, as values."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import NamedTuple

from composetasks.observe.images.dockerfile import Instruction


class Modes(enum.IntEnum):
    """The part of a file's mode that reaches the image: ``--chmod`` may replace some of it."""

    NONE = 0
    EXECUTABLE = 1
    ALL = 2


class Source(NamedTuple):
    """Files that an instruction reads. ``context`` is "" for the build context, or the name of a
    named one; ``path`` is "" for the whole context, and may contain wildcards if ``pattern`` is
    true."""

    context: str
    path: str
    modes: Modes = Modes.ALL
    excludes: tuple[str, ...] = ()
    parents: bool = False
    pattern: bool = True


class ImageConfig(NamedTuple):
    """The relevant configuration of a base image: its environment, None if unknown, and its
    triggers, None if it has unknown ones."""

    env: Mapping[str, str] | None = None
    onbuild: tuple[Instruction, ...] | None = ()


class NeededInstruction(NamedTuple):
    """An instruction that the target needs: its stage, the sources that it reads from contexts, the
    stages that it starts from or copies from, and the image that a FROM names ("" for none)."""

    stage: int
    instruction: Instruction
    sources: tuple[Source, ...] = ()
    stages: tuple[int, ...] = ()
    image: str = ""


class Needs(NamedTuple):
    """What the target needs.

    ``images`` are references of external images, ``contexts`` names of named contexts, ``args``
    names of relevant build args, ``text`` the needed instructions in one form, ``untold`` the
    reasons why a whole context is needed, ``remote`` the URLs that ADD fetches, ``onbuild`` the
    triggers that the image will have, ``parts`` the needed instructions, each after those it needs.
    """

    sources: tuple[Source, ...]
    images: tuple[str, ...]
    contexts: tuple[str, ...]
    args: frozenset[str]
    text: str
    untold: tuple[str, ...] = ()
    remote: tuple[str, ...] = ()
    onbuild: tuple[Instruction, ...] = ()
    parts: tuple[NeededInstruction, ...] = ()


class UnknownTarget(Exception):
    """The Dockerfile has no such stage, or no stage at all."""


def modes_after(chmod: str) -> Modes:
    """Return the part of a file's mode that still counts after ``--chmod``."""
    if not chmod:
        return Modes.ALL
    if re.fullmatch(r"[0-7]{3,4}", chmod):
        return Modes.NONE
    seen: set[str] = set()
    executable = False
    for clause in chmod.split(","):
        match = re.fullmatch(r"([ugoa]*)=([rwxX]*)", clause)
        if not match:
            return Modes.ALL
        seen |= set("ugo") if not match[1] or "a" in match[1] else set(match[1])
        executable |= "X" in match[2]
    if seen != set("ugo"):
        return Modes.ALL
    return Modes.EXECUTABLE if executable else Modes.NONE


def is_folder(context: str) -> bool:
    """Tell whether a context is a folder of this machine: Compose makes its path absolute and
    leaves others unchanged (``github.com/o/r.git#main``, ``git@...``, ``service:base``)."""
    return context.startswith("/")
