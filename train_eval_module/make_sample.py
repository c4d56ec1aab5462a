"""Writes `sample.jsonl`: made-up posts, each with a caption's class and a clip's label.

Who writes what is in authors.txt. An author's posts all belong to one split, so that what is held
out is by authors, and in sentences, that no model has seen. The same seed gives the same file.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SEED = 20240517
HERE = Path(__file__).parent
AUTHORS = HERE / "authors.txt"
SAMPLE = HERE / "sample.jsonl"
UNSAFE = ("scam", "dare", "violence", "harm")
"""Classes of captions; every other class is safe."""
PER_SENTENCE = 6
TAGS = {
    "en": ["#fyp", "#foryou", "#daily", "#trend", "#viral", "\N{FIRE}", "\N{WHITE SMILING FACE}"],
    "vi": ["#xuhuong", "#fyp", "#hangngay", "#trend", "#vietnam", "\N{FIRE}", "\N{SPARKLES}"],
}
CLIPS = {True: {"unsafe": 0.6, "safe": 0.4}, False: {"unsafe": 0.2, "safe": 0.8}}
"""How often a clip goes with an unsafe, and with a safe caption: neither tells the other."""


@dataclass
class Author:
    """Someone who writes about one thing in one language."""

    name: str
    language: str
    topic: str
    sentences: list[str] = field(default_factory=list)


def authors() -> list[Author]:
    """Those of authors.txt, in its order."""
    found: list[Author] = []
    for line in AUTHORS.read_text(encoding="utf-8").splitlines():
        if line.startswith("@ "):
            name, language, topic = line[2:].split()
            found.append(Author(name, language, topic))
        elif line and not line.startswith("#"):
            found[-1].sentences.append(line)
    return found


def sample() -> list[dict[str, str]]:
    """The posts: author, caption, language, topic, clip (safe or unsafe), and split."""
    chance = random.Random(SEED)
    writers = authors()
    last = {(author.language, author.topic): author.name for author in writers}
    rows: dict[str, dict[str, str]] = {}
    for author in writers:
        clips = CLIPS[author.topic in UNSAFE]
        is_last = last[author.language, author.topic] == author.name
        for sentence in author.sentences:
            for _ in range(PER_SENTENCE):
                caption = caption_of(sentence, author.language, chance)
                (clip,) = chance.choices(list(clips), list(clips.values()))
                rows.setdefault(
                    caption,
                    {
                        "author": author.name,
                        "caption": caption,
                        "language": author.language,
                        "topic": author.topic,
                        "clip": clip,
                        "split": "test" if is_last else "train",
                    },
                )
    return list(rows.values())


def caption_of(sentence: str, language: str, chance: random.Random) -> str:
    """One of a sentence's wordings, as a hurried hand might type it."""
    caption = re.sub(r"\(([^()]*)\)", lambda found: chance.choice(found[1].split("|")), sentence)
    if chance.random() < 0.5:
        caption = caption[0].upper() + caption[1:]
    elif chance.random() < 0.1:
        caption = caption.upper()
    if language == "vi" and chance.random() < 0.1:
        caption = without_marks(caption)
    if chance.random() < 0.2:
        caption = caption.replace(",", "")
    if chance.random() < 0.4:
        caption += chance.choice(["!", ".", "!!", "..."])
    if chance.random() < 0.4:
        caption = f"{caption} {chance.choice(TAGS[language])}"
    return caption


def without_marks(text: str) -> str:
    """Vietnamese as it is typed without its marks."""
    apart = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def main() -> None:
    rows = sample()
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    SAMPLE.write_text("".join(lines), encoding="utf-8")
    print(f"{SAMPLE.name}: {len(rows)} posts, {dict(Counter(row['split'] for row in rows))}")


if __name__ == "__main__":
    main()
