"""Everything that is told of the layers of a project's images, put together."""

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
    """A layer, how many of the last commits changed what it reads, and how many rebuilt it:
    those that changed what a layer below it reads too."""

    layer: Layer
    changes: int
    remade: int


@frozen
class ImageCosts:
    """What is told of one image; ``changes`` is known only where there is a history."""

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
    """The costs of ``images``, with those of an edit of ``path`` where one is given."""
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
