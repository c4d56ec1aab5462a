"""Sends stored posts to the job again, to be scored by the models that it has now.

To the job each is the same message about the same post; it scores it once more because its models
are others. A post whose clip is gone by now is rejected, and its row stays as it is.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from crawler.posts import Post, groups
from crawler.topic import Topic

SENT_TOGETHER = 1_000
IN_USE = "SELECT model FROM scoring_models ORDER BY used_at DESC LIMIT 1"
OTHERWISE_SCORED = """
SELECT post_id, author, caption, language, video_url, posted_at, crawled_at FROM scored_posts
WHERE model IS DISTINCT FROM %s ORDER BY posted_at, post_id
"""


def main() -> None:
    """Sends what was scored by other models than those in use."""
    password = Path(os.environ["READER_PASSWORD_FILE"]).read_text().rstrip("\n")
    with psycopg.connect(os.environ["READER_DATABASE"], password=password) as database:
        found = database.execute(IN_USE).fetchone()
        if found is None:
            raise SystemExit("rescore: no job has scored by models that it named; start it first")
        with Topic(os.environ["KAFKA_BOOTSTRAP"], "posts") as topic:
            sent = 0
            for group in groups(posts(database, found[0]), SENT_TOGETHER):
                topic.send(group)
                sent += len(group)
    print(f"rescore: {sent} posts sent, to be scored by models {found[0]}", flush=True)


def posts(database: "psycopg.Connection[tuple[str]]", model: str) -> Iterator[Post]:
    """The messages about posts that other models scored, read bit by bit."""
    with database.cursor("otherwise_scored", row_factory=dict_row) as cursor:
        for row in cursor.execute(OTHERWISE_SCORED, [model]):
            times = {name: row[name].isoformat() for name in ("posted_at", "crawled_at")}
            yield {**row, **times}


if __name__ == "__main__":
    main()
