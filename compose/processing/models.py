"""The two models: what they are made of, and how they are asked."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from processing.decode import Clip
from processing.features import frame_indices, ngram_ids
from processing.model_files import ModelFiles, Shape


class TextModel(nn.Module):  # type: ignore[misc]
    """A caption's hashed n-grams, their vectors' mean, one linear layer: a logit."""

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.ngrams = nn.EmbeddingBag(buckets, width, mode="mean")
        self.unsafe = nn.Linear(width, 1)

    def forward(self, ids: Tensor, offsets: Tensor) -> Tensor:
        """Logits of captions laid end to end in `ids`, each starting at its offset."""
        return self.unsafe(self.ngrams(ids, offsets)).squeeze(1)


class VideoModel(nn.Module):  # type: ignore[misc]
    """Frames and what changed since the frame before, a small conv net, the mean: a logit."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(6, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.unsafe = nn.Linear(2 * width, 1)

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of clips: (clip, frame, RGB, row, column), 0 to 1."""
        before = torch.cat([clips[:, :1], clips[:, :-1]], dim=1)
        seen = torch.cat([clips, (clips - before).abs()], dim=2)
        count, frames = seen.shape[:2]
        each = self.look(seen.flatten(0, 1)).reshape(count, frames, -1)
        return self.unsafe(each.mean(dim=1)).squeeze(1)


class Models:
    """Both models, ready to score."""

    def __init__(self, files: ModelFiles) -> None:
        # The workers share the machine with the rest of the stack: one thread each, which
        # also makes a score the same number every time.
        torch.set_num_threads(1)
        self._shape = files.shape
        self._text = _load(TextModel(files.shape.buckets, files.shape.text_width), files.text)
        self._video = _load(VideoModel(files.shape.video_width), files.video)

    def score_texts(self, captions: Sequence[str]) -> list[float]:
        """How unsafe each caption reads, 0 to 1."""
        if not captions:
            return []
        ids, offsets = caption_tensors(captions, self._shape)
        with torch.no_grad():
            return [float(score) for score in torch.sigmoid(self._text(ids, offsets))]

    def score_videos(self, clips: Sequence[Clip]) -> list[float]:
        """How unsafe each clip looks, 0 to 1."""
        if not clips:
            return []
        tensors = torch.stack([clip_tensor(clip, self._shape) for clip in clips])
        with torch.no_grad():
            return [float(score) for score in torch.sigmoid(self._video(tensors))]


def caption_tensors(captions: Sequence[str], shape: Shape) -> tuple[Tensor, Tensor]:
    """Captions as the text model takes them: all n-grams end to end, and where each starts."""
    bags = [
        ngram_ids(caption, shape.buckets, shape.shortest_ngram, shape.longest_ngram)
        for caption in captions
    ]
    starts = [0]
    for bag in bags[:-1]:
        starts.append(starts[-1] + len(bag))
    ids = [number for bag in bags for number in bag]
    return torch.tensor(ids, dtype=torch.long), torch.tensor(starts, dtype=torch.long)


def clip_tensor(clip: Clip, shape: Shape) -> Tensor:
    """A clip as the video model takes it: some of its frames, 0 to 1, colours first."""
    frames = np.frombuffer(clip.pixels, np.uint8).reshape(clip.count, clip.size, clip.size, 3)
    chosen = frames[frame_indices(clip.count, shape.frames)]
    return torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 255.0


def _load(model: nn.Module, weights: bytes) -> nn.Module:
    # weights_only: the files are data, and loading them must never run code.
    model.load_state_dict(torch.load(io.BytesIO(weights), weights_only=True))
    return model.eval()
