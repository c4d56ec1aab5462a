"""The corpus of badly layered Dockerfiles (tests/corpus/layers), looked at as `inv layers` does.

A case is a folder with a Dockerfile and a ``case.json``: ``tree`` lists the context's files,
``seconds`` what the instruction of a line took, ``commits`` how often a file changed in ``weeks``
(``+name`` is one outside of the context), ``first`` the advice that is to come first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from composetasks.facts import Commits, Engine, LayeredImage, StepTime
from composetasks.observe.layers.image_layers import layered_images
from tests.dockerfiles import Case as Dockerfile
from tests.dockerfiles import context, model, service

CORPUS = Path(__file__).parent / "corpus" / "layers"


@dataclass(frozen=True)
class Case:
    name: str
    dockerfile: str
    told: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name

    def image(self, folder: Path) -> LayeredImage:
        """The image of the case, laid out below ``folder``."""
        case = Dockerfile(self.name, "", self.dockerfile, self.told)
        cache = folder / "cache"
        cache.mkdir()
        of = model(folder, service(context(case, folder)))
        (image,), _ = layered_images(of, Engine(), cache, ["app"], None)
        return timed(image, {int(line): took for line, took in self.told["seconds"].items()})

    @property
    def commits(self) -> Commits:
        changed = tuple(
            frozenset({path[1:] if path.startswith("+") else f"context/{path}"})
            for path, count in self.told["commits"].items()
            for _ in range(count)
        )
        return Commits(changed, float(self.told["weeks"]))


def timed(image: LayeredImage, seconds: Mapping[int, float]) -> LayeredImage:
    """An image whose layers took these seconds, by their lines."""
    layers = (
        replace(layer, time=StepTime(seconds[layer.line], seconds[layer.line]))
        if layer.line in seconds
        else layer
        for layer in image.layers
    )
    return replace(image, layers=tuple(layers))


def cases() -> list[Case]:
    """Every case of the corpus, by name."""
    return [
        Case(
            place.parent.name,
            place.with_name("Dockerfile").read_text(),
            json.loads(place.read_text()),
        )
        for place in sorted(CORPUS.glob("*/case.json"))
    ]
