"""What the crawler has sent: table `crawled_posts`, made by compose/migrations.

It is asked by key, for the posts of one page, so that it may grow without the crawl.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType

import psycopg

from crawler.posts import Mark

SECONDS = 30
SENT = """
SELECT post_id, content, topic_id FROM crawled_posts
WHERE post_id = ANY(%s) AND deleted_at IS NULL
"""
# Of two crawls that overlap the one that read later counts, here as in the job.
REMEMBER = """
INSERT INTO crawled_posts AS kept (post_id, content, topic_id, feed, crawled_at)
SELECT post_id, content, topic_id, %(feed)s, %(at)s
FROM unnest(%(ids)s::text[], %(contents)s::bytea[], %(topics)s::text[])
    AS sent (post_id, content, topic_id)
ORDER BY post_id
ON CONFLICT (post_id) DO UPDATE SET content = EXCLUDED.content, topic_id = EXCLUDED.topic_id,
    feed = EXCLUDED.feed, crawled_at = EXCLUDED.crawled_at, deleted_at = NULL
WHERE kept.crawled_at <= EXCLUDED.crawled_at
"""
MOST_DELETED = 20_000
"""In one statement, which has to end in time: the rest is for the next crawl."""
DELETED = """
UPDATE crawled_posts SET deleted_at = %(at)s
WHERE post_id IN (
    SELECT post_id FROM crawled_posts
    WHERE feed = %(feed)s AND deleted_at IS NULL AND crawled_at < %(at)s
    AND post_id <> ALL(%(ids)s) LIMIT %(most)s
)
"""


class Memory:
    """What was sent of one feed's posts. A context manager; raises psycopg.Error."""

    def __init__(self, database: str, feed: str) -> None:
        self._feed = feed
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

    def sent(self, post_ids: Sequence[str]) -> dict[str, Mark]:
        """What was sent of these posts, without those that were gone since."""
        rows = self._connection.execute(SENT, (list(post_ids),))
        return {post_id: Mark(content, topic_id) for post_id, content, topic_id in rows}

    def remember(self, marks: Mapping[str, Mark], crawled_at: datetime) -> None:
        """These were sent, as they were read then."""
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
        values = {"feed": self._feed, "at": crawled_at, "ids": list(there), "most": MOST_DELETED}
        return self._connection.execute(DELETED, values).rowcount
