"""Read the feed in a browser every few minutes, and put new posts on Kafka's topic `posts`.

Run it with the parameter `resend` to put every post there again.
"""

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import Param, dag, task


@dag(
    schedule=timedelta(minutes=int(os.environ.get("CRAWL_MINUTES") or 5)),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "resend": Param(
            False, type="boolean", description="Send posts that are on the topic already"
        )
    },
    default_args={
        "retries": 1,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=2),
    },
    doc_md=__doc__,
)
def feed_to_kafka() -> None:
    """Feed page -> topic `posts`."""

    @task
    def crawl(params: dict[str, Any] | None = None) -> dict[str, int]:
        # Imported here: this file is read every few seconds, only to see what the DAG looks like.
        from crawler import browser, topic

        posts = browser.read_feed(os.environ["FEED_URL"])
        with topic.Topic(os.environ["KAFKA_BOOTSTRAP"], "posts") as posts_topic:
            known = set() if params and params["resend"] else posts_topic.keys()
            new = [post for post in posts if post["post_id"] not in known]
            # Oldest first: the order in which they were posted is the order on the topic.
            posts_topic.send(sorted(new, key=lambda post: post["posted_at"]))
        print(f"{len(posts)} posts on the page, {len(new)} sent")
        return {"read": len(posts), "sent": len(new)}

    crawl()


feed_to_kafka()
