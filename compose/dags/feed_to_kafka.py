"""Read the feed in a browser every few minutes, and put posts that are new, were changed or came
back on Kafka's topic `posts`.

Run it with the parameter `resend` to put every post of the page there again.
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
    params={"resend": Param(False, type="boolean", description="Send what was sent already, too")},
    default_args={
        "retries": 1,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=2),
    },
    doc_md=__doc__,
)
def feed_to_kafka() -> None:
    """Feed page -> topic `posts`, and what was sent -> table `crawled_posts`."""

    @task
    def crawl(params: dict[str, Any] | None = None) -> dict[str, int]:
        # Imported here: this file is read every few seconds, only to see what the DAG looks like.
        from crawler.run import crawl_feed

        done = crawl_feed(os.environ, resend=bool(params and params["resend"]))
        print(done)
        return {"read": done.read, "sent": done.sent, "deleted": done.deleted}

    crawl()


feed_to_kafka()
