"""What `/models` holds, read without torch: the driver only passes it on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DESCRIPTION = "model.json"
TEXT_FILE = "text_model.pt"
VIDEO_FILE = "video_model.pt"


class UnusableModel(Exception):
    """The folder of models is not whole. Its text is one line that says what is wrong."""


@dataclass(frozen=True)
class Shape:
    """The numbers both models are built from; kept in model.json beside the weights."""

    buckets: int = 4096
    shortest_ngram: int = 2
    longest_ngram: int = 5
    text_width: int = 16
    frames: int = 16
    frame_size: int = 48
    video_width: int = 8


@dataclass(frozen=True)
class ModelFiles:
    """What `/models` holds, as bytes: read once and sent to the workers, so that all of them
    score with the same models."""

    shape: Shape
    text: bytes
    video: bytes
    digest: str


def read_model_files(folder: Path) -> ModelFiles:
    """The trained models in a folder. Raises UnusableModel when they don't belong together."""
    try:
        description: dict[str, Any] = json.loads((folder / DESCRIPTION).read_bytes())
        weights = {name: (folder / name).read_bytes() for name in (TEXT_FILE, VIDEO_FILE)}
        shape = Shape(**description["shape"])
        wanted = {name: description["files"][name]["sha256"] for name in weights}
    except OSError as error:
        raise UnusableModel(f"{error.filename}: {error.strerror}; run train.py") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableModel(
            f"{folder / DESCRIPTION} can't be used ({error}); run train.py"
        ) from error
    for name, content in weights.items():
        if hashlib.sha256(content).hexdigest() != wanted[name]:
            raise UnusableModel(
                f"{folder / name} is not the file {DESCRIPTION} names; run train.py"
            )
    digest = hashlib.sha256("".join(sorted(wanted.values())).encode()).hexdigest()
    return ModelFiles(shape, weights[TEXT_FILE], weights[VIDEO_FILE], digest)
