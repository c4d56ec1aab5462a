"""Predict the time of a build after an edit from the times its layers took before."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from composetasks.facts import BuildTime, Commits, Layer, LayeredImage, StepTime
from composetasks.facts.frozen import frozen
from composetasks.facts.layers import TAKES_TIME
from composetasks.plan.layers.commands import manifests


class EditKind(str, enum.Enum):
    """Kinds of edits, by what they rebuild."""

    FIRST = "first"
    CODE = "code"
    REQUIREMENTS = "requirements"
    DOCKERFILE = "dockerfile"
    BASE = "base"
    PATH = "path"


@frozen
class Prediction:
    """The cost of an edit. ``path`` is the edited file ("" for none), ``line`` the first line that
    is rebuilt (None for none), ``layers`` the positions of all rebuilt layers; ``seconds`` is None
    if one of them has never run here."""

    edit: EditKind
    path: str
    line: int | None
    layers: tuple[int, ...]
    seconds: float | None


@frozen
class TriedEdit:
    """An edit made on a copy: the prediction, the seconds that the build took, and the steps that
    were run again."""

    service: str
    prediction: Prediction
    seconds: float
    ran: tuple[str, ...] = ()

    @property
    def error(self) -> float | None:
        """The prediction's error as a share of the measured time; None without a prediction."""
        if self.prediction.seconds is None or not self.seconds:
            return None
        return abs(self.prediction.seconds - self.seconds) / self.seconds


def predictions(
    image: LayeredImage, commits: Commits, others: Iterable[BuildTime] = ()
) -> list[Prediction]:
    """The cost of each kind of edit that is possible in this image. ``others`` are builds of other
    images, which help to estimate the fixed cost of a build."""
    predictor = Predictor(image, others)
    installs = manifests(image)
    read = {path for layer in image.layers for path in layer.files}
    predictions = [predictor.first()]
    for edit, paths in ((EditKind.CODE, read - installs), (EditKind.REQUIREMENTS, read & installs)):
        typical = predictor.typical(paths - {image.dockerfile}, commits)
        if typical:
            predictions.append(predictor.of_path(typical, edit))
    predictions += (predictor.dockerfile(), predictor.base())
    return predictions


class Predictor:
    """Predictions for one image."""

    def __init__(self, image: LayeredImage, others: Iterable[BuildTime] = ()) -> None:
        self.image = image
        self.builds = [*image.builds, *others]

    # --- edits ------------------------------------------------------------------------------

    def first(self) -> Prediction:
        """The first build: all layers, with their times of a first run."""
        everything = range(len(self.image.layers))
        return self._prediction(EditKind.FIRST, "", everything, first=True)

    def base(self) -> Prediction:
        """A changed base image: all layers that depend on it, with their times of a later run."""
        froms = [at for at, one in enumerate(self.image.layers) if one.keyword == "FROM"]
        return self._prediction(EditKind.BASE, "", self.invalidated(froms))

    def dockerfile(self, edit: EditKind = EditKind.DOCKERFILE) -> Prediction:
        """An edit of the first RUN of the image's own stage, which rebuilds all that follows."""
        at = self.edited_in_dockerfile()
        return self._prediction(edit, self.image.dockerfile, self.invalidated([at]))

    def edited_in_dockerfile(self) -> int:
        """The position of the first RUN of the image's own stage, or of the first instruction after
        FROM if there is no RUN."""
        stage = self.image.layers[-1].stage
        own = [at for at, one in enumerate(self.image.layers) if one.stage == stage]
        runs = [at for at in own if self.image.layers[at].keyword == "RUN"]
        return next(iter([*runs, *own[1:], *own]))

    def of_path(self, path: str, edit: EditKind = EditKind.PATH) -> Prediction:
        """An edit of one file."""
        if path and path == self.image.dockerfile:
            return self.dockerfile(edit)
        return self._prediction(edit, path, self.invalidated(self._readers(path)))

    def typical(self, paths: Iterable[str], commits: Commits) -> str:
        """The path that changes most often; among equals, the most expensive one. "" for none."""
        changes = {path: commits.touching([path]) for path in paths}
        most = max(changes.values(), default=0)
        often = sorted(path for path, count in changes.items() if count == most)
        seen: dict[tuple[int, ...], str] = {}
        for path in often:
            # Files that the same layers read cost the same.
            seen.setdefault(tuple(self._readers(path)), path)
        return max(seen.values(), key=lambda path: self.of_path(path).seconds or 0.0, default="")

    def _readers(self, path: str) -> list[int]:
        return [at for at, one in enumerate(self.image.layers) if path in one.files]

    # --- costs ------------------------------------------------------------------------------

    def invalidated(self, changed: Iterable[int]) -> list[int]:
        """The positions of ``changed`` and of everything that depends on them."""
        positions = set(changed)
        for at, layer in enumerate(self.image.layers):
            if not positions.isdisjoint(layer.needs):
                positions.add(at)
        return sorted(positions)

    def _prediction(
        self, edit: EditKind, path: str, layers: Sequence[int], *, first: bool = False
    ) -> Prediction:
        if not layers:
            return Prediction(edit, path, None, (), 0.0)
        seconds = self.path_seconds(layers, first=first)
        whole = None if seconds is None else seconds + self.overhead(layers)
        line = min(self.image.layers[at].line for at in layers)
        return Prediction(edit, path, line, tuple(layers), whole)

    def path_seconds(self, layers: Iterable[int], *, first: bool = False) -> float | None:
        """The seconds until all of ``layers`` are made; None if one has never run here."""
        seconds: dict[int, float] = {}
        for at in layers:
            layer = self.image.layers[at]
            time = layer.time
            if time is None and layer.keyword == "WORKDIR":
                time = StepTime(0.0, 0.0)  # at most a folder is created
            if time is None:
                return None
            seconds[at] = time.first if first else time.last
        return longest_path(self.image.layers, seconds)

    def overhead(self, layers: Sequence[int]) -> float:
        """The seconds besides the layers: the start of the build, checking files, and the export of
        those ``layers`` that the image contains."""
        fixed = [max(0.0, one.seconds - one.busy - one.export) for one in self.builds]
        exports = [one.export for one in self.builds]
        least = min(exports, default=0.0)
        most = max((one.export for one in self.image.builds), default=least)
        share = self._bytes(set(layers) & set(self.image.chain)) / (self._bytes() or 1)
        return (statistics.median(fixed) if fixed else 0.0) + least + (most - least) * share

    def _bytes(self, layers: Iterable[int] | None = None) -> int:
        """The size of these layers of the image in bytes, of all its own if none are given."""
        chosen = self.image.chain if layers is None else layers
        own = (self.image.layers[at] for at in chosen)
        return sum(one.bytes or 0 for one in own if one.keyword != "FROM")


def longest_path(layers: Sequence[Layer], seconds: Mapping[int, float]) -> float:
    """The seconds until all layers at the positions in ``seconds`` are made, each in its time.
    Stages are built in parallel, so this is the longest path through these layers."""
    ends: dict[int, float] = {}
    for at in sorted(seconds):
        begin = max((ends[one] for one in layers[at].needs if one in ends), default=0.0)
        ends[at] = begin + seconds[at]
    return max(ends.values(), default=0.0)


def files_below(layers: Sequence[Layer], at: int) -> set[str]:
    """The files that a layer and all layers it depends on read."""
    files = {at}
    for position in range(at, -1, -1):
        if position in files:
            files.update(layers[position].needs)
    return {path for one in files for path in layers[one].files}


def steps(layers: Sequence[Layer]) -> Iterator[int]:
    """The positions of the layers that take time or space: steps of the build, and base images."""
    return (
        at
        for at, layer in enumerate(layers)
        if layer.keyword in TAKES_TIME or (layer.keyword == "FROM" and not layer.needs)
    )
