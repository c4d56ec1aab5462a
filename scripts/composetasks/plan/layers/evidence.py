"""What the rules of advice stand on: costs in seconds, rates by the week."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from composetasks.facts import BuildTime, Commits, Layer, LayeredImage
from composetasks.facts.frozen import frozen
from composetasks.plan.layers.commands import manifests
from composetasks.plan.layers.predict import Predictor, files_below

LAYER_SECONDS = 0.2
"""What a layer costs beside what it does: a container, and a difference to be kept. Measured with
BuildKit of Engine 28.5 on overlayfs, two processors: 0.15 to 0.3 s."""
EXPORT_BYTES_PER_SECOND = 200e6
"""How fast layers are exported where no build tells."""
TELLING_BYTES = 50e6
"""The export of a smaller image tells more of what every export takes than of its bytes."""


class AdviceKind(str, enum.Enum):
    """Kinds of advice; docs/reference/layers.md tells of each."""

    LOCK_FIRST = "lock-first"
    SPLIT = "split"
    MERGE = "merge"
    ORDER = "order"
    CACHE_MOUNT = "cache-mount"
    UNREAD = "unread"
    LISTS = "lists"
    WIDE = "wide"
    FLOATING = "floating"


@frozen
class Remedy:
    """How advice is followed, where that can be done without being understood: before the line
    ``before`` the lines ``added`` and the instructions of the layers ``moved`` are put, these with
    ``flags``. An edit of the file ``path`` then shows what it saved, ``rate`` times a week."""

    before: int
    moved: tuple[int, ...]
    path: str
    rate: float
    added: tuple[str, ...] = ()
    flags: str = ""


@frozen
class Advice:
    """``lines`` are the first and last line of the Dockerfile that it is about; ``measured`` is
    what it saved when it was followed on a copy, None where it was not."""

    kind: AdviceKind
    lines: tuple[int, int]
    message: str
    saves_seconds_per_week: float
    remedy: Remedy | None = None
    measured: float | None = None


class WeeklyCosts:
    """One image, and what its layers cost by the week."""

    def __init__(
        self, image: LayeredImage, commits: Commits, others: Iterable[BuildTime] = ()
    ) -> None:
        self.image, self.commits = image, commits
        self.layers = image.layers
        self.predictor = Predictor(image, others)
        self.manifests = manifests(image)

    def rate(self, files: Iterable[str]) -> float:
        """How often a week one of ``files`` changes."""
        return self.commits.touching(files) / self.commits.weeks

    @property
    def commit_rate(self) -> float:
        """How many commits there are in a week."""
        return len(self.commits.changed) / self.commits.weeks

    def seconds(self, at: int) -> float:
        """What a layer took when it last ran; 0 where that is not known."""
        time = self.layers[at].time
        return time.last if time else 0.0

    def cost_from(self, at: int) -> float:
        """The seconds of a layer and all that is made upon it."""
        ends: dict[int, float] = {}
        for layer in self.predictor.invalidated([at]):
            begin = max(
                (ends[need] for need in self.layers[layer].needs if need in ends), default=0
            )
            ends[layer] = begin + self.seconds(layer)
        return max(ends.values(), default=0.0)

    def before(self, at: int) -> list[int]:
        """The positions of what precedes a layer in its stage."""
        stage = self.layers[at].stage
        return [one for one in range(at) if self.layers[one].stage == stage]

    def after(self, at: int) -> list[int]:
        """The positions of what follows a layer in its stage."""
        stage = self.layers[at].stage
        follow = range(at + 1, len(self.layers))
        return [one for one in follow if self.layers[one].stage == stage]

    def copies(self, positions: Iterable[int]) -> list[Layer]:
        """Those of ``positions`` that bring files of the project."""
        copies = (self.layers[at] for at in positions)
        return [one for one in copies if one.keyword in ("COPY", "ADD") and one.files]

    def rerun_rate(self, at: int) -> float:
        """How often a week a layer is made again: what it or those below it read has changed, or
        the Dockerfile."""
        return self.rate({*files_below(self.layers, at), self.image.dockerfile})

    def runs(self) -> list[int]:
        """The positions of the RUN instructions."""
        return [at for at, one in enumerate(self.layers) if one.keyword == "RUN"]

    def export_seconds(self, size: float) -> float:
        """What so many bytes of a layer cost when the image is exported."""
        builds = self.image.builds
        whole = sum(self.layers[at].bytes or 0 for at in self.image.chain[1:])
        most = max((build.export for build in builds), default=0.0)
        if whole < TELLING_BYTES or not most:
            return size / EXPORT_BYTES_PER_SECOND
        return size * most / whole


def names(files: Sequence[str], shown: int = 3) -> str:
    """Some files by their names, the rest as a number."""
    short = list(dict.fromkeys(path.rsplit("/", 1)[-1] for path in files))
    more = len(short) - shown
    listed = ", ".join(short[:shown])
    return f"{listed} and {more} more" if more > 0 else listed
