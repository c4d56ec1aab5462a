"""What the crawler has sent: table `crawled_posts`, made by compose/migrations.

It is asked by key, for the posts of one page, so that it may grow without the crawl. A post that
has not been on the page for so many days of crawling is forgotten: days without a crawl count for
nothing, so that a stack which was off for a year has forgotten no post that is still there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType

import psycopg

from crawler.posts import Mark

SECONDS = 30
# Of crawls that overlap one counts the day.
DAY = """
INSERT INTO crawled_feeds AS kept (feed, days, last_day) VALUES (%(feed)s, 1, %(day)s)
ON CONFLICT (feed) DO UPDATE SET days = kept.days + 1, last_day = EXCLUDED.last_day
WHERE kept.last_day < EXCLUDED.last_day
"""
SEEN = """
UPDATE crawled_posts AS kept SET feed = feeds.feed, seen_day = feeds.days
FROM crawled_feeds AS feeds
WHERE feeds.feed = %(feed)s AND post_id = ANY(%(ids)s)
AND (kept.feed, kept.seen_day) <> (feeds.feed, feeds.days)
"""
SENT = """
SELECT post_id, content, topic_id FROM crawled_posts
WHERE post_id = ANY(%s) AND deleted_at IS NULL
"""
# Of two crawls that overlap the one that read later counts, here as in the job.
REMEMBER = """
INSERT INTO crawled_posts AS kept (post_id, content, topic_id, feed, crawled_at, seen_day)
SELECT post_id, content, topic_id, feed, %(at)s, days
FROM unnest(%(ids)s::text[], %(contents)s::bytea[], %(topics)s::text[])
    AS sent (post_id, content, topic_id), crawled_feeds
WHERE feed = %(feed)s
ORDER BY post_id
ON CONFLICT (post_id) DO UPDATE SET content = EXCLUDED.content, topic_id = EXCLUDED.topic_id,
    feed = EXCLUDED.feed, crawled_at = EXCLUDED.crawled_at, deleted_at = NULL,
    seen_day = EXCLUDED.seen_day
WHERE kept.crawled_at <= EXCLUDED.crawled_at
"""
MOST_ROWS = 20_000
"""In one statement, which has to end in time: the rest is for the next crawl."""
DELETED = """
UPDATE crawled_posts SET deleted_at = %(at)s
WHERE post_id IN (
    SELECT post_id FROM crawled_posts
    WHERE feed = %(feed)s AND deleted_at IS NULL AND crawled_at < %(at)s
    AND post_id <> ALL(%(ids)s) LIMIT %(most)s
)
"""
# Locked, so that none is forgotten that another crawl has just seen again.
FORGOTTEN = """
DELETE FROM crawled_posts WHERE post_id IN (
    SELECT post_id FROM crawled_posts AS kept JOIN crawled_feeds USING (feed)
    WHERE feed = %(feed)s AND seen_day < days - %(keep)s
    LIMIT %(most)s FOR UPDATE OF kept SKIP LOCKED
)
"""


class Memory:
    """What was sent of one feed's posts, kept for `keep_days` days of crawling after they were last
    on its page. A context manager; raises psycopg.Error."""

    def __init__(self, database: str, feed: str, keep_days: int) -> None:
        self._feed = feed
        self._keep_days = keep_days
        self._connection = psycopg.connect(
            database,
            application_name="crawler",
            autocommit=True,
            connect_timeout=10,
            options=f"-c statement_timeout={SECONDS}s",
        )

    def __enter__(self) -> "Memory":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def see(self, there: Sequence[str], crawled_at: datetime) -> None:
        """These are on the page today."""
        values = {"feed": self._feed, "day": crawled_at.date(), "ids": list(there)}
        self._connection.execute(DAY, values)
        self._connection.execute(SEEN, values)

    def sent(self, post_ids: Sequence[str]) -> dict[str, Mark]:
        """What was sent of these posts, without those that were gone since."""
        rows = self._connection.execute(SENT, (list(post_ids),))
        return {post_id: Mark(content, topic_id) for post_id, content, topic_id in rows}

    def remember(self, marks: Mapping[str, Mark], crawled_at: datetime) -> None:
        """These, which were seen, were sent as they were read then."""
        values = {
            "feed": self._feed,
            "at": crawled_at,
            "ids": list(marks),
            "contents": [mark.content for mark in marks.values()],
            "topics": [mark.topic_id for mark in marks.values()],
        }
        self._connection.execute(REMEMBER, values)

    def note_deleted(self, there: Sequence[str], crawled_at: datetime) -> int:
        """All others of this feed are gone; how many that are now and were not before."""
        values = {"feed": self._feed, "at": crawled_at, "ids": list(there), "most": MOST_ROWS}
        return self._connection.execute(DELETED, values).rowcount

    def forget(self) -> int:
        """Forgets what has not been on the page for too long; how many posts."""
        values = {"feed": self._feed, "keep": self._keep_days, "most": MOST_ROWS}
        return self._connection.execute(FORGOTTEN, values).rowcount
