"""The basis of the rules of advice: costs in seconds, rates per week."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from composetasks.facts import BuildTime, Commits, Layer, LayeredImage
from composetasks.facts.frozen import frozen
from composetasks.facts.plain_text import first_of
from composetasks.plan.layers.commands import manifests
from composetasks.plan.layers.predict import Predictor, files_below, longest_path

LAYER_SECONDS = 0.2
"""The cost of a layer besides its command: a container, and a snapshot of the differences. Measured
with BuildKit of Engine 28.5 on overlayfs, two processors: 0.15 to 0.3 s."""
EXPORT_BYTES_PER_SECOND = 200e6
"""How fast layers are exported if no build shows it."""
TELLING_BYTES = 50e6
"""The export time of a smaller image reflects the fixed cost of an export more than its size."""


class AdviceKind(str, enum.Enum):
    """Kinds of advice; docs/reference/layers.md describes each."""

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
    """How to follow advice automatically: the lines ``added`` and the instructions of the layers
    ``moved``, with ``flags``, are put before the line ``before``. An edit of the file ``path``,
    which happens ``rate`` times a week, then shows what this saves."""

    before: int
    moved: tuple[int, ...]
    path: str
    rate: float
    added: tuple[str, ...] = ()
    flags: str = ""


@frozen
class Advice:
    """``lines`` are the first and last line of the Dockerfile concerned; ``measured`` is the saving
    when the advice was followed on a copy, None if it was not."""

    kind: AdviceKind
    lines: tuple[int, int]
    message: str
    saves_seconds_per_week: float
    remedy: Remedy | None = None
    measured: float | None = None


class WeeklyCosts:
    """The weekly costs of the layers of one image."""

    def __init__(
        self, image: LayeredImage, commits: Commits, others: Iterable[BuildTime] = ()
    ) -> None:
        self.image, self.commits = image, commits
        self.layers = image.layers
        self.predictor = Predictor(image, others)
        self.manifests = manifests(image)

    def rate(self, files: Iterable[str]) -> float:
        """How many times a week one of ``files`` changes."""
        return self.commits.touching(files) / self.commits.weeks

    @property
    def commit_rate(self) -> float:
        """The number of commits per week."""
        return len(self.commits.changed) / self.commits.weeks

    def seconds(self, at: int) -> float:
        """The seconds a layer took when it last ran; 0 if that is not known."""
        time = self.layers[at].time
        return time.last if time else 0.0

    def cost_from(self, at: int) -> float:
        """The seconds of a layer and of all layers that depend on it."""
        invalidated = self.predictor.invalidated([at])
        return longest_path(self.layers, {one: self.seconds(one) for one in invalidated})

    def before(self, at: int) -> list[int]:
        """The positions of the layers that precede a layer in its stage."""
        stage = self.layers[at].stage
        return [one for one in range(at) if self.layers[one].stage == stage]

    def after(self, at: int) -> list[int]:
        """The positions of the layers that follow a layer in its stage."""
        stage = self.layers[at].stage
        follow = range(at + 1, len(self.layers))
        return [one for one in follow if self.layers[one].stage == stage]

    def copies(self, positions: Iterable[int]) -> list[Layer]:
        """Those of ``positions`` that copy files of the project."""
        copies = (self.layers[at] for at in positions)
        return [one for one in copies if one.keyword in ("COPY", "ADD") and one.files]

    def rerun_rate(self, at: int) -> float:
        """How many times a week a layer is rebuilt, because of the Dockerfile or of files that it
        or the layers below it read."""
        return self.rate({*files_below(self.layers, at), self.image.dockerfile})

    def runs(self) -> list[int]:
        """The positions of the RUN instructions."""
        return [at for at, one in enumerate(self.layers) if one.keyword == "RUN"]

    def export_seconds(self, size: float) -> float:
        """The seconds that the export of this many bytes of a layer takes."""
        builds = self.image.builds
        whole = sum(self.layers[at].bytes or 0 for at in self.image.chain[1:])
        most = max((build.export for build in builds), default=0.0)
        if whole < TELLING_BYTES or not most:
            return size / EXPORT_BYTES_PER_SECOND
        return size * most / whole


def names(files: Sequence[str], shown: int = 3) -> str:
    """The names of the first ``shown`` files and the number of the others."""
    return first_of(dict.fromkeys(path.rsplit("/", 1)[-1] for path in files), shown)
