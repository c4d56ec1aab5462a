"""What the two models are made of. The stream knows neither: it has their ONNX files."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TextShape:
    """The text model's numbers, called as transformers' configurations call them."""

    vocab_size: int = 800
    hidden_size: int = 64
    num_hidden_layers: int = 1
    num_attention_heads: int = 4
    intermediate_size: int = 128
    max_position_embeddings: int = 64
    hidden_dropout_prob: float = 0.2


class Attention(nn.Module):  # type: ignore[misc]
    """Each piece looks at all others, several ways at once."""

    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        self.heads = shape.num_attention_heads
        self.size = shape.hidden_size // self.heads
        self.ask = nn.Linear(shape.hidden_size, 3 * shape.hidden_size)
        self.tell = nn.Linear(shape.hidden_size, shape.hidden_size)

    def forward(self, pieces: Tensor, mask: Tensor) -> Tensor:
        """`mask` is 0 where a piece is, and far below where none is."""
        count, length = pieces.shape[:2]
        asked = self.ask(pieces).reshape(count, length, 3, self.heads, self.size)
        query, key, value = asked.permute(2, 0, 3, 1, 4).unbind(0)
        weights = query @ key.transpose(2, 3) / self.size**0.5 + mask[:, None, None, :]
        seen = weights.softmax(-1) @ value
        return self.tell(seen.transpose(1, 2).reshape(count, length, -1))


class Layer(nn.Module):  # type: ignore[misc]
    """A transformer's layer, normalized before each half."""

    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        self.attention = Attention(shape)
        self.first, self.second = nn.LayerNorm(shape.hidden_size), nn.LayerNorm(shape.hidden_size)
        self.think = nn.Sequential(
            nn.Linear(shape.hidden_size, shape.intermediate_size),
            nn.ReLU(),
            nn.Linear(shape.intermediate_size, shape.hidden_size),
        )
        self.drop = nn.Dropout(shape.hidden_dropout_prob)

    def forward(self, pieces: Tensor, mask: Tensor) -> Tensor:
        """As many pieces as came in."""
        pieces = pieces + self.drop(self.attention(self.first(pieces), mask))
        return pieces + self.drop(self.think(self.second(pieces)))


class TextModel(nn.Module):  # type: ignore[misc]
    """A transformer encoder over a caption's pieces; the mean of what comes out is classified."""

    def __init__(self, shape: TextShape, classes: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(shape.vocab_size, shape.hidden_size, padding_idx=0)
        self.places = nn.Embedding(shape.max_position_embeddings, shape.hidden_size)
        self.drop = nn.Dropout(shape.hidden_dropout_prob)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.LayerNorm(shape.hidden_size)
        self.classes = nn.Linear(shape.hidden_size, classes)
        nn.init.normal_(self.pieces.weight, std=0.1)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of the classes."""
        there = attention_mask.to(torch.float32)
        mask = (there - 1) * 10_000
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        seen = self.drop(self.pieces(input_ids) + self.places(places))
        for layer in self.layers:
            seen = layer(seen, mask)
        seen = self.norm(seen) * there.unsqueeze(2)
        return self.classes(self.drop(seen.sum(1) / there.sum(1, keepdim=True)))


class ClipModel(nn.Module):  # type: ignore[misc]
    """Frames and what changed since the frame before, a small conv net, the mean of what it saw."""

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
        self.classes = nn.Linear(2 * width, 2)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of safe and unsafe of clips: (clip, frame, RGB, row, column), 0 to 1."""
        before = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
        seen = torch.cat([frames, (frames - before).abs()], dim=2)
        count, many = seen.shape[:2]
        each = self.look(seen.flatten(0, 1)).reshape(count, many, -1)
        return self.classes(each.mean(dim=1))
