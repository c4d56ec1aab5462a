"""What a post is to the crawler, and when it is another one than before."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

Post = dict[str, str]
"""A message of topic `posts` without `crawled_at`."""

CONTENT = ("author", "caption", "language", "video_url", "posted_at")
LONGEST_ID = 200

Item = TypeVar("Item")


@dataclass(frozen=True)
class Mark:
    """What was sent of a post: a digest of its content, and the topic's id, which another topic of
    the same name does not have."""

    content: bytes
    topic_id: str


def mark(post: Post, topic_id: str) -> Mark:
    """The mark of a post that is sent as it is."""
    fields = json.dumps([post[name] for name in CONTENT]).encode()
    return Mark(hashlib.sha256(fields).digest(), topic_id)


def unsent(posts: Iterable[Post], sent: Mapping[str, Mark], topic_id: str) -> list[Post]:
    """The posts that were not sent as they are now. Oldest first: the order in which they were
    posted is the order on the topic."""
    new = [post for post in posts if sent.get(post["post_id"]) != mark(post, topic_id)]
    return sorted(new, key=lambda post: post["posted_at"])


def message(post: Post, crawled_at: datetime) -> Post:
    """A post as topic `posts` has it."""
    return {**post, "crawled_at": crawled_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


def groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of that size, and the rest."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group
