"""Images with layers, made of values."""

from __future__ import annotations

import itertools
from dataclasses import replace

from composetasks.facts import BuildTime, Layer, LayeredImage, StepTime


def layer(
    text: str,
    seconds: float | None = 0.0,
    *,
    needs: tuple[int, ...] = (),
    first: float | None = None,
    line: int = 1,
    stage: int = 0,
    files: tuple[str, ...] = (),
    size: int | None = None,
    image: str = "",
) -> Layer:
    """One layer; ``text`` begins with its keyword."""
    keyword, _, rest = text.partition(" ")
    flags, rest = _flags(rest)
    time = None if seconds is None else StepTime(seconds if first is None else first, seconds)
    return Layer(
        line,
        line,
        keyword,
        flags,
        rest,
        stage,
        needs,
        files,
        image=image,
        time=time,
        bytes=size,
    )


def _flags(text: str) -> tuple[tuple[str, ...], str]:
    words = text.split(" ")
    flags = tuple(itertools.takewhile(lambda word: word.startswith("--"), words))
    return flags, " ".join(words[len(flags) :])


def image(
    *layers: Layer, chain: tuple[int, ...] | None = None, builds: tuple[BuildTime, ...] = ()
) -> LayeredImage:
    """An image of these layers, of a single stage unless ``chain`` says otherwise."""
    own = tuple(range(len(layers))) if chain is None else chain
    return LayeredImage("web", "shop-web:latest", "web/Dockerfile", layers, own, builds)


def stack(*layers: Layer, builds: tuple[BuildTime, ...] = ()) -> LayeredImage:
    """An image of a single stage: each layer upon the one before, on the lines from 1."""
    placed = tuple(
        replace(one, line=at + 1, last_line=at + 1, needs=(at - 1,) if at else ())
        for at, one in enumerate(layers)
    )
    return image(*placed, builds=builds)
