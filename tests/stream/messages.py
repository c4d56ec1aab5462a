"""Messages as a crawler, or a broken one, might send them; and what has to become of them.

Both are pure functions: of a seed, and of the messages alone.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

LANGUAGES = ("vi", "en", "fr", "zh-Hant")
CAPTIONS = ("Cách nấu phở bò tại nhà", "you should see this \N{GRINNING FACE}", "", "a'b\\\"c\\n%s")
SCORED = ("ok", "slow", "down", "long", "fast")
DEAD = ("missing", "garbage", "bomb", "away", "cut", "huge", "sound")
"""Kinds of clips (tests/stream/clips.py)."""


@dataclass(frozen=True)
class Message:
    """A message of topic posts. `clip` is the kind of its clip, "" where it is no post at all."""

    key: str
    value: bytes
    clip: str

    @property
    def line(self) -> bytes:
        """As Kafka's console producer takes it."""
        return self.key.encode() + b"\t" + self.value + b"\n"


def a_post(name: str, clip: str = "ok", crawled: int = 0, caption: str = "phở") -> Message:
    """A post that is good, and its clip."""
    fields = {
        "post_id": name,
        "author": "cozy.kitchen",
        "caption": caption,
        "language": "vi",
        "video_url": f"http://clips:8000/{clip}/{name}.mp4",
        "posted_at": "2026-01-05T09:00:00Z",
        "crawled_at": f"2026-11-24T03:{crawled // 60:02}:{crawled % 60:02}Z",
    }
    return Message(name, json.dumps(fields, ensure_ascii=False).encode(), clip)


def poison(name: str) -> list[Message]:
    """What is no post, in every way that is known, each told apart by the name."""
    good = json.loads(a_post(name).value)
    mark = name.encode()
    values = [
        b'{"post_id": NaN, "mark": "%s"}' % mark,
        b'{"post_id": "%s"' % mark,
        b"\xff\xfe%s" % mark,
        b'"%s"' % mark,
        b'["%s", %s' % (mark, b"[" * 100_000),
        b'{"mark": "%s", "x": %s}' % (mark, b"9" * 20_000),
    ]
    for field, wrong in (
        ("post_id", 7),
        ("caption", None),
        ("caption", ["a"]),
        ("caption", "a\0b"),
        ("crawled_at", "yesterday"),
        ("posted_at", "2026-02-30T00:00:00Z"),
        ("video_url", "file:///etc/passwd"),
        ("language", {"a": 1}),
    ):
        values.append(json.dumps({**good, field: wrong}).encode())
    return [Message(name, value, "") for value in values]


def sample(seed: int, part: int, count: int) -> list[Message]:
    """So many messages: mostly good, of few posts, so that some are about the same one."""
    chance = random.Random(f"{seed}-{part}")
    results = []
    for number in range(count):
        name = f"s{seed}-{chance.randrange(40)}"
        kind = chance.choices(("ok", "slow", "down", "dead", "poison"), (80, 3, 6, 5, 6))[0]
        if kind == "poison":
            results.append(chance.choice(poison(f"s{seed}-{part}-{number}")))
            continue
        clip = chance.choice(DEAD) if kind == "dead" else kind
        caption = chance.choice(CAPTIONS)
        if kind == "dead":  # told apart in the topic of rejections
            caption += f" s{seed}-{part}-{number}"
        results.append(a_post(name, clip, chance.randrange(600), caption))
    return results


def rows(messages: Iterable[Message]) -> dict[str, dict[str, str]]:
    """The posts that the table must hold, by id: of several messages about one post the one that
    was crawled last, and of those the greatest, however they came."""
    results: dict[str, dict[str, str]] = {}
    order = ("crawled_at", "posted_at", "author", "caption", "language", "video_url")
    for message in messages:
        if message.clip not in SCORED:
            continue
        fields = json.loads(message.value)
        kept = results.get(fields["post_id"])
        if kept is None or [kept[name] for name in order] <= [fields[name] for name in order]:
            results[fields["post_id"]] = fields
    return results


def rejections(messages: Iterable[Message]) -> Counter[str]:
    """What the topic of rejections must hold, each as often: the beginnings of the messages."""
    return Counter(
        message.value.decode(errors="replace")[:1000]
        for message in messages
        if message.clip not in SCORED
    )
