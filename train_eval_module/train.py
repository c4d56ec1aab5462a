"""Trains the text and the video model, scores them on what they have not seen, writes them here.

Run it in the stack's Spark image, whose torch, NumPy and ffmpeg it uses (see README.md). The
same seed and the same torch give the same files.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from make_clips import draw, write_mp4
from make_sample import SAMPLE
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
# The models' shape and features are the stream's own: trained on anything else they'd be wrong.
# In the repository the stream lies beside this folder; in the image, in /app.
for parent in (HERE.parent / "compose", Path("/app")):
    if (parent / "processing").is_dir():
        sys.path.insert(0, str(parent))
        break

from processing.decode import decode  # noqa: E402
from processing.model_files import DESCRIPTION, TEXT_FILE, VIDEO_FILE, Shape  # noqa: E402
from processing.models import (  # noqa: E402
    TextModel,
    VideoModel,
    caption_tensors,
    clip_tensor,
)
from processing.scoring import Policy, combine  # noqa: E402

SEED = 7
CLIPS = {"train": 80, "test": 40}
POLICY = Policy(fusion=True, text_weight=0.3, threshold=0.5)
# Soft labels keep scores off 0 and 1, so that a changed weight or threshold can be seen.
SOFT = 0.05


@dataclass(frozen=True)
class Split:
    """Inputs of one model and their labels (1 is unsafe)."""

    inputs: tuple[Tensor, ...]
    labels: Tensor


def main() -> None:
    started = time.monotonic()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    shape = Shape()

    captions = {split: read_captions(split, shape) for split in CLIPS}
    text = TextModel(shape.buckets, shape.text_width)
    fit(text, captions["train"], epochs=120, rate=0.02, decay=1e-4)

    clips = {split: make_clips(split, shape) for split in CLIPS}
    video = VideoModel(shape.video_width)
    fit(video, clips["train"], epochs=30, rate=0.01, decay=1e-4)

    metrics = evaluate(text, video, captions["test"], clips["test"])
    files = {TEXT_FILE: weights(text), VIDEO_FILE: weights(video)}
    for name, content in files.items():
        (HERE / name).write_bytes(content)
    write_description(shape, metrics, files)
    show(metrics)
    print(f"trained in {time.monotonic() - started:.0f} s")


def read_captions(split: str, shape: Shape) -> Split:
    """The sample's captions of one split."""
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["split"] == split]
    labels = torch.tensor([float(row["label"] == "unsafe") for row in rows])
    return Split(caption_tensors([row["caption"] for row in rows], shape), labels)


def make_clips(split: str, shape: Shape) -> Split:
    """Newly drawn clips, every second one unsafe, each once through mp4 and ffmpeg."""
    chance = np.random.default_rng([SEED, len(split)])
    labels = [place % 2 for place in range(CLIPS[split])]
    tensors = []
    with tempfile.TemporaryDirectory() as folder:
        for label in labels:
            path = Path(folder, "clip.mp4")
            write_mp4(draw("unsafe" if label else "safe", chance), path)
            tensors.append(clip_tensor(decode(path.read_bytes(), shape.frame_size), shape))
    return Split((torch.stack(tensors),), torch.tensor(labels, dtype=torch.float))


def fit(model: nn.Module, split: Split, epochs: int, rate: float, decay: float) -> None:
    """Trains on the whole split at once: it is small."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
    wanted = split.labels * (1 - 2 * SOFT) + SOFT
    model.train()
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(*split.inputs), wanted)
        loss.backward()
        optimizer.step()
    model.eval()


def evaluate(text: nn.Module, video: nn.Module, captions: Split, clips: Split) -> dict[str, Any]:
    """Held-out accuracy and AUC of text, of video, and of both on posts made of the two.

    A post is a held-out caption with a held-out clip of the same label.
    """
    with torch.no_grad():
        text_scores = torch.sigmoid(text(*captions.inputs)).tolist()
        video_scores = torch.sigmoid(video(*clips.inputs)).tolist()
    by_label: dict[float, list[float]] = {0.0: [], 1.0: []}
    for score, label in zip(video_scores, clips.labels.tolist(), strict=True):
        by_label[label].append(score)
    caption_labels = captions.labels.tolist()
    fused = [
        combine(score, by_label[label][place % len(by_label[label])], POLICY)
        for place, (score, label) in enumerate(zip(text_scores, caption_labels, strict=True))
    ]
    return {
        "text": measure(text_scores, caption_labels),
        "video": measure(video_scores, clips.labels.tolist()),
        "fusion": measure(fused, caption_labels),
    }


def measure(scores: list[float], labels: list[float]) -> dict[str, float]:
    """Accuracy at the threshold, and the area under the ROC curve (Mann-Whitney's U)."""
    pairs = list(zip(scores, labels, strict=True))
    right = sum((score >= POLICY.threshold) == bool(label) for score, label in pairs)
    unsafe = [score for score, label in pairs if label]
    safe = [score for score, label in pairs if not label]
    wins = sum((high > low) + 0.5 * (high == low) for high in unsafe for low in safe)
    return {
        "accuracy": round(right / len(scores), 4),
        "auc": round(wins / (len(unsafe) * len(safe)), 4),
        "held_out": len(scores),
    }


def weights(model: nn.Module) -> bytes:
    """The model's weights as torch's zip of tensors: data, no code."""
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.getvalue()


def write_description(shape: Shape, metrics: dict[str, Any], files: dict[str, bytes]) -> None:
    """model.json: what the files are, how good, and from what they were made."""
    made_from = [SAMPLE, *(HERE / name for name in ("make_clips.py", "train.py"))]
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made_from}
    description = {
        "shape": asdict(shape),
        "files": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        },
        "metrics": metrics,
        "training": {
            "digest": hashlib.sha256("".join(digests.values()).encode()).hexdigest(),
            "files": digests,
            "seed": SEED,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
    }
    (HERE / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def show(metrics: dict[str, Any]) -> None:
    """The held-out scores as a table."""
    print(f"{'held out':10}{'n':>6}{'accuracy':>11}{'AUC':>9}")
    for name, scores in metrics.items():
        print(f"{name:10}{scores['held_out']:6}{scores['accuracy']:11.3f}{scores['auc']:9.3f}")


if __name__ == "__main__":
    main()
