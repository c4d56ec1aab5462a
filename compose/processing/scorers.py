"""The models, asked through ONNX Runtime: what sees captions, and what sees clips.

A model's manifest entry says what it needs; nothing here knows a particular one. Files are data:
loading them runs no code of theirs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import onnxruntime
import sentencepiece
from numpy.typing import NDArray

from processing.decode import Clip
from processing.features import LONGEST_CAPTION, frame_indices
from processing.model_files import CAPTION, CLIP, ModelFiles

Seen = TypeVar("Seen", contravariant=True)
Numbers = NDArray[Any]
Entry = Mapping[str, Any]
SURE = 1e-6
"""How near to 0 and 1 a probability is taken: beyond, its logit tells nothing."""


class Scorer(Protocol[Seen]):
    """A model that sees one thing of a post, and gives how unsafe it finds that, 0 to 1."""

    def score(self, seen: Sequence[Seen]) -> list[float]: ...


class Tokenizer(Protocol):
    """Captions as rows of numbers, with a mask that is 0 where a row has ended."""

    def rows(self, captions: Sequence[str]) -> tuple[Numbers, Numbers]: ...


class Models:
    """All models of a folder; where several see the same thing, their mean counts."""

    def __init__(self, files: ModelFiles) -> None:
        self._captions: list[Scorer[str]] = [
            CaptionScorer(entry, files.files) for entry in files.seeing(CAPTION)
        ]
        self._clips: list[Scorer[Clip]] = [
            ClipScorer(entry, files.files) for entry in files.seeing(CLIP)
        ]

    def score_texts(self, captions: Sequence[str]) -> list[float]:
        """How unsafe each caption reads, 0 to 1."""
        return _mean(self._captions, captions)

    def score_videos(self, clips: Sequence[Clip]) -> list[float]:
        """How unsafe each clip looks, 0 to 1."""
        return _mean(self._clips, clips)


class CaptionScorer:
    """A text classifier: `input_ids` and `attention_mask` in, logits out."""

    def __init__(self, entry: Entry, files: Mapping[str, bytes]) -> None:
        self._classifier = _Classifier(entry, files)
        told = entry["tokenizer"]
        self._tokenizer = TOKENIZERS[told["kind"]](files[told["file"]], told)

    def score(self, seen: Sequence[str]) -> list[float]:
        """How unsafe each caption reads."""
        ids, mask = self._tokenizer.rows([_caption(caption) for caption in seen])
        return self._classifier.unsafe({"input_ids": ids, "attention_mask": mask})


class ClipScorer:
    """A classifier of frames: `frames` in (clip, frame, RGB, row, column; 0 to 1), logits out."""

    def __init__(self, entry: Entry, files: Mapping[str, bytes]) -> None:
        self._classifier = _Classifier(entry, files)
        self._count, self._size = int(entry["frames"]), int(entry["size"])

    def score(self, seen: Sequence[Clip]) -> list[float]:
        """How unsafe each clip looks."""
        frames = np.stack([frames_of(clip, self._count, self._size) for clip in seen])
        return self._classifier.unsafe({"frames": frames})


class SentencePieces:
    """Pieces of a SentencePiece vocabulary between its marks of beginning and end."""

    def __init__(self, content: bytes, told: Entry) -> None:
        self._pieces = sentencepiece.SentencePieceProcessor(model_proto=content)
        self._longest = int(told["longest"])

    def rows(self, captions: Sequence[str]) -> tuple[Numbers, Numbers]:
        """The rest of what is longer than a row is left out."""
        begin, end = self._pieces.bos_id(), self._pieces.eos_id()
        rows = [
            [begin, *pieces[: self._longest - 2], end] for pieces in self._pieces.encode(captions)
        ]
        ids = np.full((len(rows), max(map(len, rows))), self._pieces.pad_id(), np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        return ids, mask


class PretrainedTokenizer:
    """Any tokenizer that transformers keeps as tokenizer.json."""

    def __init__(self, content: bytes, told: Entry) -> None:
        # Here and not above: it takes seconds, and the stack's own models have no use for it.
        from tokenizers import Tokenizer as Json
        from transformers import PreTrainedTokenizerFast

        self._tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Json.from_str(content.decode()), pad_token=told["padding"]
        )
        self._longest = int(told["longest"])

    def rows(self, captions: Sequence[str]) -> tuple[Numbers, Numbers]:
        """With the marks that the tokenizer itself sets."""
        found = self._tokenizer(
            list(captions),
            padding=True,
            truncation=True,
            max_length=self._longest,
            return_tensors="np",
        )
        return found["input_ids"].astype(np.int64), found["attention_mask"].astype(np.int64)


TOKENIZERS: dict[str, Callable[[bytes, Entry], Tokenizer]] = {
    "sentencepiece": SentencePieces,
    "transformers": PretrainedTokenizer,
}


def frames_of(clip: Clip, count: int, size: int) -> Numbers:
    """A clip as a model takes it: so many of its frames, 0 to 1, colours first."""
    frames = np.frombuffer(clip.pixels, np.uint8).reshape(clip.count, clip.size, clip.size, 3)
    chosen = frames[frame_indices(clip.count, count)]
    if clip.size != size:
        # Another model wants them larger.
        from PIL import Image

        chosen = np.stack(
            [Image.fromarray(one).resize((size, size), Image.Resampling.BOX) for one in chosen]
        )
    return np.ascontiguousarray(chosen.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


class _Classifier:
    """An ONNX file whose logits are of known classes, some of them unsafe."""

    def __init__(self, entry: Entry, files: Mapping[str, bytes]) -> None:
        options = onnxruntime.SessionOptions()
        # The workers share the machine with the rest of the stack: one thread each, which also
        # makes a score the same number every time.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            files[entry["file"]], options, providers=["CPUExecutionProvider"]
        )
        self._takes = [one.name for one in self._session.get_inputs()]
        self._unsafe = [entry["classes"].index(name) for name in entry["unsafe"]]
        self._slope, self._shift = entry["calibration"]

    def unsafe(self, given: Mapping[str, Numbers]) -> list[float]:
        """The calibrated probability that the class is one of the unsafe ones."""
        some = next(iter(given.values()))
        inputs = {name: given.get(name, np.zeros_like(some)) for name in self._takes}
        logits = np.asarray(self._session.run(None, inputs)[0], np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        unsafe = shares[:, self._unsafe].sum(axis=1) / shares.sum(axis=1)
        return [float(one) for one in calibrated(unsafe, self._slope, self._shift)]


def calibrated(shares: Numbers, slope: float, shift: float) -> Numbers:
    """What a model says, as a probability (Platt's scaling)."""
    near = np.clip(shares, SURE, 1 - SURE)
    found: Numbers = 1 / (1 + np.exp(-(slope * np.log(near / (1 - near)) + shift)))
    return found


def _caption(caption: str) -> str:
    # Vietnamese letters arrive composed or decomposed, by the keyboard they were typed on.
    return unicodedata.normalize("NFC", caption[:LONGEST_CAPTION])


def _mean(scorers: Sequence[Scorer[Any]], seen: Sequence[Any]) -> list[float]:
    if not seen:
        return []
    all_scores = [scorer.score(seen) for scorer in scorers]
    return [sum(scores) / len(scores) for scores in zip(*all_scores, strict=True)]
