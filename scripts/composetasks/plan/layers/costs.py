"""Everything that is reported about the layers of a project's images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from composetasks.facts import Commits, Layer, LayeredImage
from composetasks.facts.frozen import frozen
from composetasks.plan.layers.evidence import Advice
from composetasks.plan.layers.predict import (
    EditKind,
    Prediction,
    Predictor,
    files_below,
    predictions,
    steps,
)
from composetasks.plan.layers.rules import advise


@frozen
class LayerCost:
    """A layer, how many of the last commits changed files that it reads (``changes``), and how many
    rebuilt it, which includes changes to the layers below it (``remade``)."""

    layer: Layer
    changes: int
    remade: int


@frozen
class ImageCosts:
    """The report on one image; ``changes`` is known only if there is a Git history."""

    image: LayeredImage
    layers: tuple[LayerCost, ...]
    predictions: tuple[Prediction, ...]
    advice: tuple[Advice, ...]


def _costs(layers: Sequence[Layer], history: Commits) -> Iterator[LayerCost]:
    for at in steps(layers):
        changes = history.touching(layers[at].files)
        yield LayerCost(layers[at], changes, history.touching(files_below(layers, at)))


def costs(
    images: Sequence[LayeredImage], commits: Commits | None, path: str = ""
) -> list[ImageCosts]:
    """The costs of ``images``, including those of an edit of ``path`` if it is given."""
    history = commits or Commits()
    costs = []
    for image in images:
        others = [build for one in images if one is not image for build in one.builds]
        predicted = predictions(image, history, others)
        if path:
            predicted.append(Predictor(image, others).of_path(path, EditKind.PATH))
        costs.append(
            ImageCosts(
                image,
                tuple(_costs(image.layers, history)),
                tuple(predicted),
                tuple(advise(image, history, others)),
            )
        )
    return costs
