"""The crawler's decisions: what is sent, what is remembered, what is gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest

from crawler import crawl as crawling
from crawler.crawl import Crawl, crawl
from crawler.feed import MOST_POSTS, MOST_SECONDS, Page, end_of
from crawler.posts import Mark, Post, mark
from processing.messages import parse_post
from tests.unit.stack.samples import fields

AT = datetime(2026, 11, 24, 3, tzinfo=timezone.utc)


class Killed(BaseException):
    """The task is ended, by whatever."""


@dataclass
class Memory:
    """As crawler.memory remembers it in PostgreSQL; what it forgets there is in tests/stream."""

    kept: dict[str, tuple[Mark, datetime, bool]] = field(default_factory=dict)
    killed: bool = False
    asked: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def see(self, there: Sequence[str], crawled_at: datetime) -> None:
        self.seen += there

    def sent(self, post_ids: Sequence[str]) -> dict[str, Mark]:
        self.asked += post_ids
        kept = {name: self.kept[name] for name in post_ids if name in self.kept}
        return {name: mark for name, (mark, _, deleted) in kept.items() if not deleted}

    def remember(self, marks: Mapping[str, Mark], crawled_at: datetime) -> None:
        if self.killed:
            raise Killed
        for name, one in marks.items():
            if name not in self.kept or self.kept[name][1] <= crawled_at:
                self.kept[name] = (one, crawled_at, False)

    def note_deleted(self, there: Sequence[str], crawled_at: datetime) -> int:
        gone = [
            name
            for name, (_, at, deleted) in self.kept.items()
            if not deleted and at < crawled_at and name not in there
        ]
        for name in gone:
            self.kept[name] = (*self.kept[name][:2], True)
        return len(gone)

    def forget(self) -> int:
        return 0

    def deleted(self) -> set[str]:
        return {name for name, (_, _, deleted) in self.kept.items() if deleted}


@dataclass
class Topic:
    """A topic that holds what was sent to it."""

    topic_id: str = "one"
    posts: list[Post] = field(default_factory=list)

    def id(self) -> str:
        return self.topic_id

    def send(self, posts: Sequence[Post]) -> None:
        self.posts += posts

    def taken(self) -> list[tuple[str, str]]:
        """Ids and captions since this was last asked."""
        results = [(post["post_id"], post["caption"]) for post in self.posts]
        self.posts.clear()
        return results


def post(name: str, caption: str = "phở", posted: int = 0, **changes: str) -> Post:
    made = fields(post_id=name, caption=caption, posted_at=f"2026-01-05T09:00:{posted:02}Z")
    del made["crawled_at"]
    return {**made, **changes}


def at(minutes: int) -> datetime:
    return AT + timedelta(minutes=minutes)


def test_a_post_is_sent_once_as_long_as_it_stays_as_it_is() -> None:
    memory, topic = Memory(), Topic()
    page = Page([post("b", posted=2), post("a", posted=1)])
    assert crawl(page, memory, topic, at(0)) == Crawl(read=2, sent=2, deleted=0, unread="")
    # Oldest first.
    assert topic.taken() == [("a", "phở"), ("b", "phở")]
    assert crawl(page, memory, topic, at(5)).sent == 0
    assert topic.taken() == []


def test_what_is_sent_is_a_message_that_the_job_takes() -> None:
    topic = Topic()
    crawl(Page([post("a")]), Memory(), topic, at(0))
    (sent,) = topic.posts
    assert parse_post(json.dumps(sent).encode()).crawled_at == at(0)


@pytest.mark.parametrize("name", ["caption", "video_url", "language", "author", "posted_at"])
def test_a_post_that_was_changed_is_sent_again_as_it_is_now(name: str) -> None:
    memory, topic = Memory(), Topic()
    crawl(Page([post("a"), post("b")]), memory, topic, at(0))
    topic.taken()
    changed = Page([{**post("a"), name: "other"}, post("b")])
    assert crawl(changed, memory, topic, at(5)).sent == 1
    assert topic.posts[0][name] == "other"
    assert crawl(changed, memory, topic, at(10)).sent == 0
    # And back again.
    assert crawl(Page([post("a"), post("b")]), memory, topic, at(15)).sent == 1


def test_fields_do_not_run_into_each_other() -> None:
    one, other = post("a", caption='x", "y'), post("a", caption="x", language='y", "vi')
    assert mark(one, "") != mark(other, "")


def test_a_post_that_is_gone_is_noted_once_and_sent_again_when_it_comes_back() -> None:
    memory, topic = Memory(), Topic()
    both, one = Page([post("a"), post("b")]), Page([post("a")])
    crawl(both, memory, topic, at(0))
    topic.taken()
    assert crawl(one, memory, topic, at(5)) == Crawl(read=1, sent=0, deleted=1, unread="")
    assert crawl(one, memory, topic, at(10)).deleted == 0
    assert memory.deleted() == {"b"}
    assert crawl(both, memory, topic, at(15)).sent == 1
    assert topic.taken() == [("b", "phở")]
    assert memory.deleted() == set()


def test_a_page_that_was_not_read_to_its_end_says_nothing_of_what_is_not_on_it() -> None:
    memory, topic = Memory(), Topic()
    crawl(Page([post("a"), post("b")]), memory, topic, at(0))
    done = crawl(Page([post("a")], unread="it takes more than 60 s"), memory, topic, at(5))
    assert (done.deleted, memory.deleted()) == (0, set())
    assert str(done).endswith("; not read to its end: it takes more than 60 s")


def test_killed_between_sending_and_remembering_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crawling, "SENT_TOGETHER", 2)
    memory, topic = Memory(), Topic()
    page = Page([post(name, posted=number) for number, name in enumerate("abcde")])
    memory.killed = True
    with pytest.raises(Killed):
        crawl(page, memory, topic, at(0))
    assert topic.taken() == [("a", "phở"), ("b", "phở")]
    memory.killed = False
    assert crawl(page, memory, topic, at(1)).sent == 5
    assert crawl(page, memory, topic, at(2)).sent == 0


def test_of_crawls_that_overlap_the_one_that_read_later_counts() -> None:
    memory, topic = Memory(), Topic()
    crawl(Page([post("a", "old")]), memory, topic, at(0))
    crawl(Page([post("a", "new"), post("b")]), memory, topic, at(6))
    # It read before the other, and is done after it.
    crawl(Page([post("a", "old")]), memory, topic, at(5))
    assert memory.deleted() == set()
    topic.taken()
    crawl(Page([post("a", "new"), post("b")]), memory, topic, at(10))
    assert topic.taken() == []


def test_a_topic_that_was_emptied_gets_the_page_again() -> None:
    memory, topic = Memory(), Topic()
    crawl(Page([post("a")]), memory, topic, at(0))
    topic = Topic("another")
    assert crawl(Page([post("a")]), memory, topic, at(5)).sent == 1
    assert crawl(Page([post("a")]), memory, topic, at(10)).sent == 0


def test_resend_sends_whatever_is_remembered() -> None:
    memory, topic = Memory(), Topic()
    crawl(Page([post("a")]), memory, topic, at(0))
    assert crawl(Page([post("a")]), memory, topic, at(5), resend=True).sent == 1


def test_only_the_posts_of_the_page_are_asked_for() -> None:
    memory = Memory()
    crawl(Page([post("a"), post("b"), post("x" * 201)]), memory, Topic(), at(0))
    assert memory.asked == memory.seen == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "posts", "over", "unread"),
    [
        ({}, 1, -1.0, ""),
        ({"rested": 900}, 1, -1.0, None),
        ({"bottom": False}, 1, -1.0, None),
        ({"asking": 1}, 1, -1.0, None),
        ({"answered": 200}, 1, -1.0, None),
        ({"asking": 1, "rested": 10_000}, 1, -1.0, "the page waits for an answer"),
        ({"failed": 2}, 1, -1.0, "requests of the page failed: 2"),
        ({"bottom": False}, 1, 0.0, f"it takes more than {MOST_SECONDS:.0f} s"),
        ({}, MOST_POSTS + 1, -1.0, f"it has more than {MOST_POSTS} posts"),
    ],
)
def test_a_page_ends_where_it_rests_at_its_bottom(
    changes: dict[str, object], posts: int, over: float, unread: str | None
) -> None:
    look = {"bottom": True, "rested": 1000, "answered": 400, "asking": 0, "failed": 0, **changes}
    assert end_of(look, posts, over) == unread
