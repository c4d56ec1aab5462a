"""The layers of an image, their cost, and how often the files that they read change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from composetasks.facts.frozen import frozen

TAKES_TIME = ("RUN", "COPY", "ADD", "WORKDIR")
"""The instructions that are build steps; the others change the image's configuration."""


class StepTime(NamedTuple):
    """The duration of a build step in seconds: ``first`` is its first run (its cache mounts may
    have been empty), ``last`` the median of ``recent``, its later runs, or ``first`` if there were
    none."""

    first: float
    last: float
    runs: int = 1
    recent: tuple[float, ...] = ()


class BuildTime(NamedTuple):
    """The duration of a build in seconds: in total, from the start of the first to the end of the
    last step that ran (0 if all were cached), and of the image's export."""

    seconds: float
    busy: float
    export: float


@frozen
class Layer:
    """An instruction of a Dockerfile that an image needs.

    ``needs`` are the positions of the layers it is based on or copies from; ``files`` are the
    project's files that it reads (relative to its folder). ``image`` is the base image of a FROM
    ("" for a stage), ``ours`` whether the model builds that image. ``time`` is None if it has not
    run here, ``bytes`` None if no image shows its size.
    """

    line: int
    last_line: int
    keyword: str
    flags: tuple[str, ...]
    text: str
    stage: int
    needs: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    image: str = ""
    ours: bool = False
    time: StepTime | None = None
    bytes: int | None = None

    @property
    def instruction(self) -> str:
        """The instruction as a single line."""
        return " ".join(" ".join((self.keyword, *self.flags, self.text)).split())


@frozen
class LayeredImage:
    """An image with all layers in an order in which they can be built; the last one is the image's
    own. ``dockerfile`` is relative to the project's folder, "" if it is inline in the compose file;
    ``context`` is the prefix of the paths of its build context there; ``chain`` are the positions
    of the layers that the image contains (the others belong to stages it copies from); ``builds``
    are its last builds, the latest at the end."""

    service: str
    image: str
    dockerfile: str
    layers: tuple[Layer, ...]
    chain: tuple[int, ...]
    builds: tuple[BuildTime, ...] = ()
    bytes: int | None = None
    context: str = ""

    def place(self, line: int) -> str:
        """A line of its Dockerfile, in the form that editors open."""
        return place(self.dockerfile, line)


def place(dockerfile: str, line: int) -> str:
    """A line of a Dockerfile, in the form that editors open; for an inline Dockerfile the number
    only."""
    return f"{dockerfile}:{line}" if dockerfile else f"line {line}"


@frozen
class Commits:
    """The last commits: the files that each changed (relative to the project's folder), and the
    number of weeks they span."""

    changed: tuple[frozenset[str], ...] = ()
    weeks: float = 1.0

    def touching(self, files: Iterable[str]) -> int:
        """The number of commits that changed at least one of ``files``."""
        wanted = frozenset(files)
        return sum(not wanted.isdisjoint(one) for one in self.changed)
