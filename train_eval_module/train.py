"""Trains the models on the sample, scores them on authors and clips they have not seen, and writes
them here as ONNX with their manifest.

Run it in the stack's Spark image, whose libraries it uses (see README.md). The same seed and the
same libraries give the same files.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Before NumPy and torch are loaded, which share it: sums in one order, whatever the machine.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import decord
import numpy as np
import sentencepiece
import torch
from architectures import ClipModel, TextModel, TextShape
from evaluate import measured, show, told_apart
from make_clips import draw, write_mp4
from make_sample import AUTHORS, SAMPLE, UNSAFE
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
# Frames, tokens, calibration and fusion are the stream's own: trained on anything else the models
# would be wrong. In the repository the stream lies beside this folder; in the image, in /app.
for parent in (HERE.parent / "compose", Path("/app")):
    if (parent / "processing").is_dir():
        sys.path.insert(0, str(parent))
        break

from processing.decode import Clip, decode  # noqa: E402
from processing.model_files import MANIFEST, ModelFiles, read_model_files  # noqa: E402
from processing.scorers import Models, SentencePieces, calibrated, frames_of  # noqa: E402
from processing.scoring import Policy, combine  # noqa: E402

SEED = 7
TEXT_FILE, VOCABULARY, CLIP_FILE = "captions.onnx", "captions.spm", "clips.onnx"
CLIPS = {"train": 120, "tune": 60, "test": 100}
FRAMES, SIZE, CLIP_WIDTH = 16, 48, 8
FOLDS = 3
"""Captions are calibrated by what models say that have not seen their authors."""
TEXT_EPOCHS, CLIP_EPOCHS, TOGETHER = 18, 40, 64
CUTS, PIECES_LOST = 16, 0.15
SOFT = 0.05
POLICY = Policy(fusion=True, text_weight=0.3, threshold=0.5)
EXPONENTS = [half / 2 for half in range(2, 25)]

Post = dict[str, Any]
Scores = NDArray[np.float64]


def main() -> None:
    started = time.monotonic()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    posts = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    learned = [post for post in posts if post["split"] == "train"]
    held_out = [post for post in posts if post["split"] == "test"]
    clips = {split: make_clips(split) for split in CLIPS}

    captions = [post["caption"] for post in learned]
    shape = TextShape()
    vocabulary = learn_vocabulary(captions, shape.vocab_size)
    topics = sorted({post["topic"] for post in learned})
    apart = score_apart(learned, vocabulary, topics, shape)
    text = fit_text(learned, vocabulary, topics, shape)
    video = fit_clips(*clips["train"])
    ids = torch.zeros(1, 2, dtype=torch.long)
    files = {
        TEXT_FILE: as_onnx(text, {"input_ids": ids, "attention_mask": ids + 1}, ["pieces"]),
        VOCABULARY: vocabulary,
        CLIP_FILE: as_onnx(video, {"frames": clips["tune"][0][:1]}, []),
    }

    unsafe = np.array([post["topic"] in UNSAFE for post in learned])
    entries = describe(topics, shape)
    entries[0]["calibration"] = fit_calibration(apart, unsafe)
    tuned = torch.softmax(score(video, clips["tune"][0]), 1)[:, 1].numpy()
    entries[1]["calibration"] = fit_calibration(tuned, clips["tune"][1].numpy() > 0)
    exponent = fit_exponent(
        calibrated(apart, *entries[0]["calibration"]),
        with_clips(
            learned, calibrated(tuned, *entries[1]["calibration"]), clips["tune"][1].tolist()
        ),
        np.array([is_unsafe(post) for post in learned]),
    )

    manifest: dict[str, Any] = {
        "models": entries,
        "fusion": {"exponent": exponent},
        "files": {name: told(content) for name, content in files.items()},
    }
    for name, content in files.items():
        (HERE / name).write_bytes(content)
    models = Models(ModelFiles(manifest, files, ""))
    manifest["metrics"] = evaluate(models, exponent, held_out, *clips["test"])
    manifest["training"] = training()
    (HERE / MANIFEST).write_text(as_text(manifest), encoding="utf-8")
    show(manifest["metrics"])
    digest = read_model_files(HERE).digest
    print(f"models {digest}, trained in {time.monotonic() - started:.0f} s")


def is_unsafe(post: Post) -> bool:
    """Whether a person should look: the caption or the clip is enough."""
    return post["topic"] in UNSAFE or post["clip"] == "unsafe"


def make_clips(split: str) -> tuple[Tensor, Tensor]:
    """Newly drawn clips, every second one unsafe, each once through mp4 and the stream's decoder;
    their frames and labels."""
    chance = np.random.default_rng([SEED, *split.encode()])
    labels = [place % 2 for place in range(CLIPS[split])]
    frames = []
    with tempfile.TemporaryDirectory() as folder:
        for place, label in enumerate(labels):
            path = Path(folder, "clip.mp4")
            write_mp4(draw("unsafe" if label else "safe", chance), path)
            clip = decode(path.read_bytes(), SIZE)
            if place < 2:
                check_decoder(path, clip)
            frames.append(frames_of(clip, FRAMES, SIZE))
    return torch.from_numpy(np.stack(frames)), torch.tensor(labels)


def check_decoder(path: Path, clip: Clip) -> None:
    """Raises ValueError where another decoder sees another clip."""
    reader = decord.VideoReader(str(path))
    theirs = [
        Image.fromarray(reader[place].asnumpy()).resize((SIZE, SIZE), Image.Resampling.BOX)
        for place in range(clip.count)
    ]
    ours = np.frombuffer(clip.pixels, np.uint8).reshape(clip.count, SIZE, SIZE, 3)
    apart = np.abs(np.stack(theirs).astype(float) - ours).mean()
    if apart > 12:
        raise ValueError(f"PyAV and decord see different clips: {apart:.1f} of 255 apart")


def learn_vocabulary(captions: Sequence[str], size: int) -> bytes:
    """A SentencePiece model of the captions' pieces: normalized to NFKC, lower case."""
    vocabulary = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(captions),
        model_writer=vocabulary,
        vocab_size=size,
        model_type="unigram",
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        character_coverage=1.0,
        num_threads=1,
        normalization_rule_name="nmt_nfkc_cf",
        minloglevel=2,
    )
    return vocabulary.getvalue()


def fit_text(
    posts: Sequence[Post], vocabulary: bytes, topics: Sequence[str], shape: TextShape
) -> nn.Module:
    """Learns the captions' topics: what they are about tells more than safe or unsafe does.

    A caption is cut into other pieces each time, and some are lost, so that whole sentences can't
    be learned by heart.
    """
    torch.manual_seed(SEED)
    chance = np.random.default_rng(SEED)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=vocabulary)
    model = TextModel(shape, len(topics))
    cuts = [pieces.nbest_encode(post["caption"], nbest_size=CUTS) for post in posts]
    wanted = torch.tensor([topics.index(post["topic"]) for post in posts])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    batches = -(-len(posts) // TOGETHER)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, total_steps=TEXT_EPOCHS * batches, pct_start=0.2
    )
    model.train()
    for _ in range(TEXT_EPOCHS):
        order = chance.permutation(len(posts))
        for batch in np.array_split(order, batches):
            rows = [
                cut(pieces, cuts[place], shape.max_position_embeddings, chance) for place in batch
            ]
            ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
            logits = model(ids, (ids > 0).long())
            loss = nn.functional.cross_entropy(logits, wanted[batch], label_smoothing=2 * SOFT)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rates.step()
    return model.eval()


def cut(
    pieces: Any, cuts: Sequence[Sequence[int]], longest: int, chance: np.random.Generator
) -> Tensor:
    """A caption in one of the ways that it can be cut, without some pieces. Not by SentencePiece's
    own sampling, which no seed makes the same again."""
    kept = np.array(cuts[int(chance.integers(len(cuts)))][: longest - 2])
    kept[chance.random(len(kept)) < PIECES_LOST] = pieces.unk_id()
    return torch.tensor([pieces.bos_id(), *kept.tolist(), pieces.eos_id()])


def score_apart(
    posts: Sequence[Post], vocabulary: bytes, topics: Sequence[str], shape: TextShape
) -> Scores:
    """How unsafe each caption reads to a model that has seen nothing of its author."""
    names = list(dict.fromkeys(post["author"] for post in posts))
    folds = {name: place % FOLDS for place, name in enumerate(names)}
    found = np.zeros(len(posts))
    unsafe = [topics.index(name) for name in UNSAFE]
    tokens = SentencePieces(vocabulary, {"longest": shape.max_position_embeddings})
    for fold in range(FOLDS):
        model = fit_text(
            [post for post in posts if folds[post["author"]] != fold], vocabulary, topics, shape
        )
        places = [at for at, post in enumerate(posts) if folds[post["author"]] == fold]
        ids, mask = tokens.rows([posts[at]["caption"] for at in places])
        logits = score(model, torch.from_numpy(ids), torch.from_numpy(mask))
        found[places] = torch.softmax(logits, 1)[:, unsafe].sum(1).numpy()
    return found


def fit_clips(frames: Tensor, labels: Tensor) -> nn.Module:
    """Learns what safe and unsafe clips look like."""
    torch.manual_seed(SEED)
    model = ClipModel(CLIP_WIDTH)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-4)
    model.train()
    for _ in range(CLIP_EPOCHS):
        loss = nn.functional.cross_entropy(model(frames), labels, label_smoothing=2 * SOFT)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def score(model: nn.Module, *inputs: Tensor) -> Tensor:
    """A model's logits."""
    with torch.no_grad():
        found: Tensor = model(*inputs)
    return found


def fit_calibration(shares: Scores, unsafe: NDArray[np.bool_]) -> list[float]:
    """Slope and shift of the logit that make a score a probability."""
    wanted = np.where(unsafe, 1 - SOFT / 2, SOFT / 2)
    found = (1.0, 0.0)
    for step in (1.0, 0.1, 0.01):
        tries = [
            (found[0] + step * slope, found[1] + step * shift)
            for slope in range(-10, 11)
            for shift in range(-10, 11)
            if found[0] + step * slope > 0
        ]
        found = min(tries, key=lambda one: log_loss(calibrated(shares, *one), wanted))
    return [round(number, 4) for number in found]


def fit_exponent(text: Scores, video: Scores, unsafe: NDArray[np.bool_]) -> float:
    """How far the higher score decides, at the default weight."""

    def loss(exponent: float) -> float:
        return log_loss(fused(text, video, exponent), unsafe.astype(float))

    return min(EXPONENTS, key=loss)


def log_loss(scores: Scores, wanted: Scores) -> float:
    near = np.clip(scores, 1e-6, 1 - 1e-6)
    return float(-(wanted * np.log(near) + (1 - wanted) * np.log(1 - near)).mean())


def fused(text: Iterable[float], video: Iterable[float], exponent: float) -> Scores:
    """The stream's own fusion of each pair."""
    policy = Policy(POLICY.fusion, POLICY.text_weight, POLICY.threshold, exponent)
    return np.array(
        [combine(float(one), float(other), policy) for one, other in zip(text, video, strict=True)]
    )


def with_clips(posts: Sequence[Post], scores: Scores, labels: Sequence[int]) -> Scores:
    """For each post the score of one of the clips that have its clip's label, by turns."""
    pools: dict[int, Iterator[float]] = {
        label: _by_turns([one for one, of in zip(scores, labels, strict=True) if of == label])
        for label in (0, 1)
    }
    return np.array([next(pools[int(post["clip"] == "unsafe")]) for post in posts])


def _by_turns(scores: Sequence[float]) -> Iterator[float]:
    while True:
        yield from scores


def as_onnx(model: nn.Module, example: dict[str, Tensor], also: Sequence[str]) -> bytes:
    """The model for any number of inputs, and for any length of what `also` names."""
    content = io.BytesIO()
    axes = dict(enumerate(["inputs", *also]))
    torch.onnx.export(
        model,
        tuple(example.values()),
        content,
        input_names=list(example),
        output_names=["logits"],
        dynamic_axes=dict.fromkeys(example, axes),
        opset_version=14,
    )
    return content.getvalue()


def describe(topics: Sequence[str], shape: TextShape) -> list[dict[str, Any]]:
    """The models' entries in the manifest, calibration apart."""
    return [
        {
            "name": "captions",
            "sees": "caption",
            "file": TEXT_FILE,
            "classes": list(topics),
            "unsafe": list(UNSAFE),
            "calibration": [1.0, 0.0],
            "tokenizer": {
                "kind": "sentencepiece",
                "file": VOCABULARY,
                "longest": shape.max_position_embeddings,
            },
            "architecture": {"model_type": "transformer encoder", **asdict(shape)},
        },
        {
            "name": "clips",
            "sees": "clip",
            "file": CLIP_FILE,
            "classes": ["safe", "unsafe"],
            "unsafe": ["unsafe"],
            "calibration": [1.0, 0.0],
            "frames": FRAMES,
            "size": SIZE,
            "architecture": {"model_type": "convolutions over frames", "width": CLIP_WIDTH},
        },
    ]


def evaluate(
    models: Models, exponent: float, posts: Sequence[Post], frames: Tensor, labels: Tensor
) -> dict[str, Any]:
    """What the stream's own scorers say of held-out authors and clips, against the labels."""
    pixels = [
        Clip(SIZE, (one.permute(0, 2, 3, 1) * 255).round().byte().numpy().tobytes())
        for one in frames
    ]
    video = np.array(models.score_videos(pixels))
    text = np.array(models.score_texts([post["caption"] for post in posts]))
    clips = with_clips(posts, video, labels.tolist())
    both = fused(text, clips, exponent)
    reads = np.array([post["topic"] in UNSAFE for post in posts])
    unsafe = np.array([is_unsafe(post) for post in posts])

    topics = np.array([post["topic"] for post in posts])
    languages = np.array([post["language"] for post in posts])

    def figures(scores: Scores, wanted: NDArray[np.bool_]) -> dict[str, Any]:
        return {**measured(scores, wanted, POLICY.threshold), **told_apart(scores, wanted)}

    def of_class(topic: str, scores: Scores, wanted: NDArray[np.bool_]) -> dict[str, Any]:
        """A class is all unsafe, or all harmless but for some clips: how well it is told apart is
        seen against all posts of the other side."""
        some, side = topics == topic, topic in UNSAFE
        both = (wanted != side) | some & (wanted == side)
        return {
            **measured(scores[some], wanted[some], POLICY.threshold),
            **told_apart(scores[both], wanted[both]),
        }

    def told_of(scores: Scores, wanted: NDArray[np.bool_]) -> dict[str, Any]:
        return {
            **figures(scores, wanted),
            "by_language": {
                str(name): figures(scores[languages == name], wanted[languages == name])
                for name in np.unique(languages)
            },
            "by_class": {
                str(name): of_class(str(name), scores, wanted) for name in np.unique(topics)
            },
        }

    feed, of_feed = feed_scores(models, exponent)
    return {
        "text": told_of(text, reads),
        "video": figures(video, labels.numpy() > 0),
        "fusion": told_of(both, unsafe),
        "feed": {**figures(feed, of_feed[1]), "unlike_the_clip": of_feed[0]},
    }


def feed_scores(models: Models, exponent: float) -> tuple[Scores, tuple[int, NDArray[np.bool_]]]:
    """The feed's posts, of which nothing was learned: their scores; in how many the verdict is not
    the clip's alone; their labels."""
    folder = HERE.parent / "compose" / "feed"
    posts = json.loads((folder / "posts.json").read_text(encoding="utf-8"))
    write_clip = feed_drawer(folder)
    clips = []
    with tempfile.TemporaryDirectory() as place:
        for post in posts:
            write_clip(post["video"], post["post_id"], Path(place))
            clips.append(decode(Path(place, f"{post['post_id']}.mp4").read_bytes(), SIZE))
    text = models.score_texts([post["caption"] for post in posts])
    video = models.score_videos(clips)
    both = fused(text, video, exponent)
    unlike = int(((both >= POLICY.threshold) != (np.array(video) >= POLICY.threshold)).sum())
    labels = np.array([post["text"] == "unsafe" or post["video"] == "unsafe" for post in posts])
    return both, (unlike, labels)


def feed_drawer(folder: Path) -> Callable[[str, str, Path], None]:
    """The function that draws the feed's clips."""
    specification = importlib.util.spec_from_file_location("feed_clips", folder / "make_clips.py")
    assert specification is not None
    assert specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    drawer: Callable[[str, str, Path], None] = script.write_clip
    return drawer


def as_text(manifest: dict[str, Any]) -> str:
    """JSON with lists of plain values on a line each."""
    text = json.dumps(manifest, indent=1)
    return re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


def told(content: bytes) -> dict[str, Any]:
    """A file's size and digest."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def training() -> dict[str, Any]:
    """What the models were made from and with."""
    scripts = ("architectures.py", "make_clips.py", "make_sample.py", "train.py")
    made_from = [AUTHORS, SAMPLE, *(HERE / name for name in scripts)]
    return {
        "files": {path.name: told(path.read_bytes())["sha256"] for path in made_from},
        "seed": SEED,
        "torch": str(torch.__version__),
        "sentencepiece": sentencepiece.__version__,
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
