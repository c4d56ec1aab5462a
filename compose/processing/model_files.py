"""What `/models` holds, read without what runs it: the driver only passes it on.

`manifest.json` names the models, the files they need, and how their scores become one. Any folder
with such a manifest will do (train_eval_module/README.md says what stands in it).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
CAPTION, CLIP = "caption", "clip"
"""What a model sees of a post."""


class UnusableModel(Exception):
    """The folder of models is not whole. Its text is one line that says what is wrong."""


@dataclass(frozen=True)
class ModelFiles:
    """What `/models` holds, files as bytes: read once and sent to the workers, so that all of them
    score with the same models.

    `digest` changes with anything that a score depends on. `exponent` is the fitted fusion's.
    """

    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]
    digest: str

    @property
    def exponent(self) -> float:
        """How far the higher score decides (processing.scoring.combine)."""
        return float(self.manifest["fusion"]["exponent"])

    @property
    def frame_size(self) -> int:
        """Width and height of the frames that clips are decoded to: as the most demanding model
        wants them."""
        return max(int(model["size"]) for model in self.seeing(CLIP))

    def seeing(self, what: str) -> list[Mapping[str, Any]]:
        """The models that see a post's caption, or its clip."""
        return [model for model in self.manifest["models"] if model["sees"] == what]


def read_model_files(folder: Path) -> ModelFiles:
    """The models in a folder. Raises UnusableModel where they don't belong together."""
    place = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(place.read_bytes())
        digests = {name: told["sha256"] for name, told in manifest["files"].items()}
        files = {name: (folder / name).read_bytes() for name in digests}
        decides = {name: manifest[name] for name in ("models", "fusion")}
        found = ModelFiles(manifest, files, _digest({**decides, "files": digests}))
        for what in (CAPTION, CLIP):
            if not found.seeing(what):
                raise ValueError(f"no model sees the {what}")
        for model in manifest["models"]:
            _check(model, files)
        if not found.exponent > 0:
            raise ValueError("the exponent must be above 0")
    except OSError as error:
        raise UnusableModel(f"{error.filename}: {error.strerror}; run train.py") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise UnusableModel(f"{place} can't be used ({reason}); run train.py") from error
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != digests[name]:
            raise UnusableModel(f"{folder / name} is not the file {MANIFEST} names; run train.py")
    return found


def _check(model: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Raises KeyError, ValueError or TypeError where an entry lacks what its model needs."""
    wanted = [model["file"]]
    if model["sees"] == CAPTION:
        wanted.append(model["tokenizer"]["file"])
    elif min(int(model["frames"]), int(model["size"])) < 1:
        raise ValueError(f"{model['name']}: frames and size must be above 0")
    for name in wanted:
        if name not in files:
            raise ValueError(f"{model['name']} needs {name}, which is not among its files")
    slope, shift = map(float, model["calibration"])
    if not math.isfinite(slope * shift):
        raise ValueError(f"{model['name']}: calibration must be two numbers")
    if not set(model["unsafe"]) <= set(model["classes"]):
        raise ValueError(f"{model['name']}: what is unsafe must be among its classes")


def _digest(decides: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
