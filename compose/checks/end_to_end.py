"""Send one marked post the whole way: feed, browser, Kafka, Spark, PostgreSQL, dashboard.

    docker compose exec -T airflow python /opt/checks/end_to_end.py

Prints one line for each stage with the seconds it took. Ends with 0, or with 1 after a line that
names the stage that failed. Changes nothing but the one post it adds.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, "/opt/airflow/dags")

import psycopg
from confluent_kafka import KafkaException
from psycopg.rows import dict_row
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from crawler import browser, topic
from rule import complaint, verdict

FEED = os.environ.get("FEED_URL", "http://feed:8000")
KAFKA = os.environ.get("KAFKA_BOOTSTRAP", "kafka:9092")
# Not PGPASSFILE: on Swarm this runs in a container of its own, which has not started Airflow.
PASSWORD = Path("/run/secrets/reader_password")
AIRFLOW = os.environ.get("AIRFLOW_URL", "http://airflow:8080")
DASHBOARD = "http://dashboard:8501"
DAG = "feed_to_kafka"
POLL_SECONDS = 0.5
# Together about two minutes. A crawl may have to wait for one that is running already, and the job
# may have just been restarted by an edit.
DAG_SECONDS = 15.0
CRAWL_SECONDS = 45.0
SCORE_SECONDS = 60.0
PAGE_SECONDS = 15.0
CALL_SECONDS = 30.0

Found = TypeVar("Found")


class StageFailed(Exception):
    """A stage did not do its part. Its text says what was seen instead."""


def main() -> int:
    """Every stage in order."""
    started = time.monotonic()
    stages: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("feed", add_post),
        ("airflow", run_crawler),
        ("kafka", see_message),
        ("spark", see_row),
        ("dashboard", see_page),
    ]
    post: dict[str, Any] = {}
    for name, stage in stages:
        begun = time.monotonic()
        try:
            said = stage(post)
        except (
            StageFailed,
            OSError,
            ValueError,
            KafkaException,
            psycopg.Error,
            WebDriverException,
        ) as error:
            print(
                f"{name:<10} FAILED after {time.monotonic() - begun:5.1f} s  {first_line(error)}",
                flush=True,
            )
            return 1
        print(f"{name:<10} {time.monotonic() - begun:5.1f} s  {said}", flush=True)
    print(f"{'all':<10} {time.monotonic() - started:5.1f} s  {post['post_id']} went the whole way")
    return 0


def add_post(post: dict[str, Any]) -> str:
    """Put a post on the feed: its caption is harmless, its clip is not."""
    with topic.Topic(KAFKA, "posts") as posts:
        post["since"] = posts.ends()
    mark = f"{time.time_ns():x}"
    added = call(
        f"{FEED}/posts",
        {"caption": f"Verification post {mark}", "author": "verify", "kind": "unsafe"},
    )
    post.update(added, mark=mark)
    return f"{added['post_id']} is on the page"


def run_crawler(post: dict[str, Any]) -> str:
    """Run the DAG once, and wait for its end."""
    token = call(f"{AIRFLOW}/auth/token")["access_token"]
    runs = f"{AIRFLOW}/api/v2/dags/{DAG}/dagRuns"

    def triggered() -> str | None:
        # Right after a start the DAG may not have been read yet.
        try:
            return str(call(runs, {"logical_date": None}, token)["dag_run_id"])
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None

    run_id = wait_for(triggered, DAG_SECONDS, f"Airflow has no DAG {DAG}")

    def ended() -> str | None:
        state = str(call(f"{runs}/{run_id}", token=token)["state"])
        return state if state in ("success", "failed") else None

    if wait_for(ended, CRAWL_SECONDS, f"run {run_id} of {DAG} has not ended") == "failed":
        raise StageFailed(f"run {run_id} of {DAG} failed: its log is in Airflow")
    return f"run {run_id} of {DAG} read it in the browser"


def see_message(post: dict[str, Any]) -> str:
    """Find the post on topic posts, as the page showed it."""
    with topic.Topic(KAFKA, "posts") as posts:
        for message in posts.messages(post["since"]):
            if (message.key() or b"").decode() == post["post_id"]:
                value = json.loads(message.value() or b"null")
                if post["mark"] not in value["caption"]:
                    raise StageFailed(f"its message has another caption: {value['caption']}")
                return f"partition {message.partition()}, offset {message.offset()}"
    raise StageFailed(f"{post['post_id']} is not on topic posts")


def see_row(post: dict[str, Any]) -> str:
    """Wait for its row, and check the score against the rule it was scored by."""
    with psycopg.connect(
        host="postgres",
        dbname="tiktok_safety_db",
        user="reader",
        password=PASSWORD.read_text("utf-8").strip(),
        autocommit=True,
        connect_timeout=10,
    ) as connection:

        def scored() -> dict[str, Any] | None:
            cursor = connection.cursor(row_factory=dict_row)
            # A row whose clip could not be had yet gets its final score later.
            return cursor.execute(
                "SELECT scored_posts.*, manifest -> 'fusion' -> 'exponent' AS exponent"
                " FROM scored_posts JOIN scoring_models USING (model) WHERE post_id = %s"
                " AND NOT (fusion AND video_score IS NULL)",
                [post["post_id"]],
            ).fetchone()

        row = wait_for(scored, SCORE_SECONDS, "no row in scored_posts")
    if why := complaint(row):
        raise StageFailed(why)
    post["row"] = row
    by = f"by models {row['model']}, code {row['code_version']}"
    return f"score {row['score']:.3f}, {verdict(row)}, {by}"


def see_page(post: dict[str, Any]) -> str:
    """Read the row off the dashboard, in a browser."""
    row = post["row"]
    card = f'[data-post-id="{post["post_id"]}"]'
    with browser.open_browser() as driver:
        driver.get(f"{DASHBOARD}/?post={post['post_id']}")

        def shown(page: Chrome) -> dict[str, str] | None:
            # In one step: the page replaces its parts while it refreshes.
            return page.execute_script(
                "return document.querySelector(arguments[0])?.dataset ?? null", card
            )

        found = browser.wait_for(driver, shown, PAGE_SECONDS)
        text = driver.find_element(By.TAG_NAME, "body").text
    if (
        found["score"] != f"{row['score']:.6f}"
        or found["verdict"] != verdict(row)
        or post["mark"] not in text
    ):
        raise StageFailed(f"the page shows {found}")
    return f"its page shows {float(found['score']):.3f}, {found['verdict']}"


def call(address: str, body: dict[str, Any] | None = None, token: str | None = None) -> Any:
    """The JSON that address answers with; a body makes it a POST. Raises OSError."""
    request = urllib.request.Request(address, headers={"Content-Type": "application/json"})
    if body is not None:
        request.data = json.dumps(body).encode()
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:
        return json.load(answer)


def wait_for(condition: Callable[[], Found | None], seconds: float, complaint: str) -> Found:
    """What the condition gives once it is not None. Raises StageFailed after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found is not None:
            return found
        if time.monotonic() >= end:
            raise StageFailed(f"{complaint}, after {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def first_line(error: Exception) -> str:
    """An error on one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
