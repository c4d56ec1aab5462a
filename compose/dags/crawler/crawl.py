"""A crawl: what is on the page is compared with what is remembered, and sent where it differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crawler.feed import Page
from crawler.posts import LONGEST_ID, Mark, Post, groups, mark, message, unsent

SENT_TOGETHER = 500


class Memory(Protocol):
    """What was sent (crawler.memory.Memory)."""

    def see(self, there: Sequence[str], crawled_at: datetime) -> None: ...

    def sent(self, post_ids: Sequence[str]) -> Mapping[str, Mark]: ...

    def remember(self, marks: Mapping[str, Mark], crawled_at: datetime) -> None: ...

    def note_deleted(self, there: Sequence[str], crawled_at: datetime) -> int: ...

    def forget(self) -> int: ...


class Topic(Protocol):
    """Where posts are sent to (crawler.topic.Topic)."""

    def id(self) -> str: ...

    def send(self, posts: Sequence[Post]) -> None: ...


@dataclass(frozen=True)
class Crawl:
    """What came of a crawl. `unread` is why the page may not have been read to its end.

    `forgotten` are posts that are remembered no more.
    """

    read: int
    sent: int
    deleted: int
    unread: str
    forgotten: int = 0

    def __str__(self) -> str:
        told = f"{self.read} posts on the page, {self.sent} sent, {self.deleted} gone"
        told += f", {self.forgotten} forgotten" if self.forgotten else ""
        return told if not self.unread else f"{told}; not read to its end: {self.unread}"


def crawl(page: Page, memory: Memory, topic: Topic, at: datetime, *, resend: bool = False) -> Crawl:
    """Sends the posts that are new, were changed or came back, and notes those that are gone.

    What was sent is remembered after the broker has it: killed in between, the next crawl sends it
    again, which is the same row. `at` is the time of the reading: of two crawls that overlap the
    later counts. `resend`: whatever is remembered.
    """
    posts = [post for post in page.posts if len(post["post_id"]) <= LONGEST_ID]
    there = [post["post_id"] for post in posts]
    memory.see(there, at)
    topic_id = topic.id()
    new = unsent(posts, {} if resend else memory.sent(there), topic_id)
    for group in groups(new, SENT_TOGETHER):
        topic.send([message(post, at) for post in group])
        memory.remember({post["post_id"]: mark(post, topic_id) for post in group}, at)
    # A page that was not read to its end says nothing of what is not on it.
    deleted = 0 if page.unread else memory.note_deleted(there, at)
    return Crawl(len(posts), len(new), deleted, page.unread, memory.forget())
