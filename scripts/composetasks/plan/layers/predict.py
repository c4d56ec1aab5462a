"""How long a build after an edit will take, by what its layers took before."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Iterable, Iterator, Sequence

from composetasks.facts import BuildTime, Commits, Layer, LayeredImage, StepTime
from composetasks.facts.frozen import frozen
from composetasks.plan.layers.commands import manifests

STEPS = ("RUN", "COPY", "ADD", "WORKDIR")


class EditKind(str, enum.Enum):
    """Kinds of edits, by what they build again."""

    FIRST = "first"
    CODE = "code"
    REQUIREMENTS = "requirements"
    DOCKERFILE = "dockerfile"
    BASE = "base"
    PATH = "path"


@frozen
class Prediction:
    """What an edit costs. ``path`` is the file that is edited ("" for none), ``line`` the first
    line that is carried out again (None for none), ``layers`` the positions of all that are;
    ``seconds`` is None where one of them never ran here."""

    edit: EditKind
    path: str
    line: int | None
    layers: tuple[int, ...]
    seconds: float | None


@frozen
class Tried:
    """An edit that was made on a copy: what was predicted, the seconds it took, and the steps
    that were carried out again."""

    service: str
    prediction: Prediction
    seconds: float
    ran: tuple[str, ...] = ()

    @property
    def error(self) -> float | None:
        """How far the prediction was off, as a share of what it took; None without one."""
        if self.prediction.seconds is None or not self.seconds:
            return None
        return abs(self.prediction.seconds - self.seconds) / self.seconds


def predictions(
    image: LayeredImage, commits: Commits, others: Iterable[BuildTime] = ()
) -> list[Prediction]:
    """What each kind of edit costs, of those that this image knows. ``others`` are builds of
    other images, for what building costs beside the layers."""
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
    """Predicts for one image."""

    def __init__(self, image: LayeredImage, others: Iterable[BuildTime] = ()) -> None:
        self.image = image
        self.builds = [*image.builds, *others]

    # --- edits ------------------------------------------------------------------------------

    def first(self) -> Prediction:
        """The first build: every layer, with what each took when it first ran."""
        everything = range(len(self.image.layers))
        return self._prediction(EditKind.FIRST, "", everything, first=True)

    def base(self) -> Prediction:
        """Another base image: every layer, with what each takes when it runs again."""
        froms = [at for at, one in enumerate(self.image.layers) if one.keyword == "FROM"]
        return self._prediction(EditKind.BASE, "", self.invalidated(froms))

    def dockerfile(self, edit: EditKind = EditKind.DOCKERFILE) -> Prediction:
        """An edit of the first RUN of the image's own stage, and so of all that follows."""
        at = self.edited_in_dockerfile()
        return self._prediction(edit, self.image.dockerfile, self.invalidated([at]))

    def edited_in_dockerfile(self) -> int:
        """The position of the first RUN of the image's own stage; of the first instruction after
        FROM where it has none."""
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
        """The path that changes most often; of several, the one that costs most. "" for none."""
        changes = {path: commits.touching([path]) for path in paths}
        most = max(changes.values(), default=0)
        often = sorted(path for path, count in changes.items() if count == most)
        seen: dict[tuple[int, ...], str] = {}
        for path in often:
            # What the same layers read costs the same.
            seen.setdefault(tuple(self._readers(path)), path)
        return max(seen.values(), key=lambda path: self.of_path(path).seconds or 0.0, default="")

    def _readers(self, path: str) -> list[int]:
        return [at for at, one in enumerate(self.image.layers) if path in one.files]

    # --- costs ------------------------------------------------------------------------------

    def invalidated(self, changed: Iterable[int]) -> list[int]:
        """The positions of ``changed`` and of everything made upon them."""
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
        """The seconds until all of ``layers`` are made: stages are made side by side, so it is
        the longest way through them. None where one never ran here."""
        ends: dict[int, float] = {}
        for at in sorted(layers):
            layer = self.image.layers[at]
            time = layer.time
            if time is None and layer.keyword == "WORKDIR":
                time = StepTime(0.0, 0.0)  # a folder, where it is not there yet
            if time is None:
                return None
            begin = max((ends[one] for one in layer.needs if one in ends), default=0.0)
            ends[at] = begin + (time.first if first else time.last)
        return max(ends.values(), default=0.0)

    def overhead(self, layers: Sequence[int]) -> float:
        """The seconds beside the layers: to start, to look at the files, and to export what of
        ``layers`` the image holds."""
        fixed = [max(0.0, one.seconds - one.busy - one.export) for one in self.builds]
        exports = [one.export for one in self.builds]
        least = min(exports, default=0.0)
        most = max((one.export for one in self.image.builds), default=least)
        share = self._bytes(set(layers) & set(self.image.chain)) / (self._bytes() or 1)
        return (statistics.median(fixed) if fixed else 0.0) + least + (most - least) * share

    def _bytes(self, layers: Iterable[int] | None = None) -> int:
        """The bytes of layers of the image, of all its own where none are named."""
        chosen = self.image.chain if layers is None else layers
        own = (self.image.layers[at] for at in chosen)
        return sum(one.bytes or 0 for one in own if one.keyword != "FROM")


def files_below(layers: Sequence[Layer], at: int) -> set[str]:
    """What a layer reads, and all that it is made upon."""
    files = {at}
    for position in range(at, -1, -1):
        if position in files:
            files.update(layers[position].needs)
    return {path for one in files for path in layers[one].files}


def steps(layers: Sequence[Layer]) -> Iterator[int]:
    """The positions of what takes time or space: the steps of a build, and the base image."""
    return (
        at
        for at, layer in enumerate(layers)
        if layer.keyword in STEPS or (layer.keyword == "FROM" and not layer.needs)
    )
