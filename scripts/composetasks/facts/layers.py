"""The layers of an image, what they cost, and how often what they read changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from composetasks.facts.frozen import frozen


class StepTime(NamedTuple):
    """How long a step of a build took, in seconds: when it first ran (its cache mounts may have
    been empty then), and when it ran again: ``last`` is the median of ``recent``, and ``first``
    where it never did."""

    first: float
    last: float
    runs: int = 1
    recent: tuple[float, ...] = ()


class BuildTime(NamedTuple):
    """How long a build took, in seconds: as a whole, from the start of the first to the end of
    the last step that ran (0 where all were cached), and to export the image."""

    seconds: float
    busy: float
    export: float


@frozen
class Layer:
    """An instruction of a Dockerfile that an image needs.

    ``needs`` are the positions of the layers it is made upon or copies from; ``files`` is what it
    reads of the project (relative to its folder). ``image`` is the base image of a FROM ("" for a
    stage), ``ours`` whether the model builds that. ``time`` is None where it never ran here,
    ``bytes`` where no image shows it.
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
        """The instruction in one line."""
        return " ".join(" ".join((self.keyword, *self.flags, self.text)).split())


@frozen
class LayeredImage:
    """An image with all its layers in an order in which they can be made, the last of them its
    own. ``dockerfile`` is relative to the project's folder, "" for one in the compose file, and
    ``context`` what stands before the paths of its build context there;
    ``chain`` are the positions of the layers that the image holds (others are of stages it copies
    from); ``builds`` are its last builds, the latest at the end."""

    service: str
    image: str
    dockerfile: str
    layers: tuple[Layer, ...]
    chain: tuple[int, ...]
    builds: tuple[BuildTime, ...] = ()
    bytes: int | None = None
    context: str = ""

    def place(self, line: int) -> str:
        """A line of its Dockerfile, as editors open it."""
        return place(self.dockerfile, line)


def place(dockerfile: str, line: int) -> str:
    """A line of a Dockerfile, as editors open it; of one in the compose file its number alone."""
    return f"{dockerfile}:{line}" if dockerfile else f"line {line}"


@frozen
class Commits:
    """The last commits: the files each changed (relative to the project's folder), and the weeks
    they took."""

    changed: tuple[frozenset[str], ...] = ()
    weeks: float = 1.0

    def touching(self, files: Iterable[str]) -> int:
        """How many of them changed one of ``files``."""
        wanted = frozenset(files)
        return sum(not wanted.isdisjoint(one) for one in self.changed)
