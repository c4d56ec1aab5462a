"""What is kept for a time goes after it: Kafka's messages, Airflow's records and logs, what the
crawler remembers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.stream.stack import Stack

TOPICS = "/opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092"
PRODUCER = "/opt/kafka/bin/kafka-console-producer.sh --bootstrap-server kafka:9092 --topic kept"
OFFSETS = "/opt/kafka/bin/kafka-get-offsets.sh --bootstrap-server kafka:9092 --topic kept"
SMALL = {"KAFKA_RETENTION_BYTES": "2097152", "KAFKA_SEGMENT_BYTES": "1048576"}
MEGABYTES = 8
AIRFLOW = """
set -e
cd /opt/tools
python -c 'import os, pathlib, run; run.write_passwords(pathlib.Path(os.environ["PGPASSFILE"]))'
airflow db migrate
python - <<'SQL'
import psycopg
with psycopg.connect("host=postgres dbname=airflow user=airflow") as database:
    for day in (40, 29):
        database.execute(
            "INSERT INTO log (dttm, event) VALUES (now() - %s * interval '1 day', %s)",
            (day, f"{day} days"),
        )
SQL
cd /opt/airflow/logs
mkdir -p old/run big new
echo old > old/run/1.log && touch -d '-40 days' old/run/1.log
dd if=/dev/zero of=big/1.log bs=1M count=1 2>&1 | tail -1 && touch -d '-2 days' big/1.log
echo new > new/1.log
python /opt/tools/cleanup.py
find /opt/airflow/logs -name '1.log' -printf 'left: %P\\n'
python - <<'SQL'
import psycopg
with psycopg.connect("host=postgres dbname=airflow user=airflow") as database:
    for (event,) in database.execute("SELECT event FROM log WHERE event LIKE '% days'"):
        print("left:", event)
SQL
"""

REMEMBERED = """
import json, os, sys
from datetime import datetime, timedelta, timezone
sys.path.insert(0, "/opt/airflow/dags")
import psycopg
from crawler import memory
from crawler.crawl import crawl
from crawler.feed import Page
from crawler.posts import CONTENT

KEEP = 10
memory.MOST_ROWS = 3

class Topic:
    def id(self): return "kept"
    def send(self, posts): sent.extend(post["post_id"] for post in posts)

def crawled(day, names, unread="", feed="kept"):
    sent.clear()
    page = Page([dict.fromkeys(CONTENT, "") | {"post_id": name} for name in names], unread)
    at = datetime(2026, 1, 1, 12, tzinfo=timezone.utc) + timedelta(days=day)
    with memory.Memory(os.environ["CRAWLER_DATABASE"], feed, KEEP) as kept:
        done = crawl(page, kept, Topic(), at)
    assert done.sent == len(sent)
    return [*sent], done.forgotten

def left():
    with psycopg.connect(os.environ["CRAWLER_DATABASE"]) as database:
        rows = database.execute("SELECT post_id FROM crawled_posts WHERE feed LIKE 'kept%'")
        return sorted(name for (name,) in rows)

sent, told = [], []
try:
    stays, gone = ["s1", "s2"], [f"g{number}" for number in range(7)]
    crawled(0, [*stays, *gone])
    crawled(0, ["elsewhere"], feed="kept-too")
    for day in range(1, KEEP + 1):
        for _ in range(3):
            assert crawled(day, stays) == ([], 0), day
    assert len(left()) == 10
    # In pieces, once they were missing for more than ten days of crawling; whichever go first.
    told.append([crawled(KEEP + 1, stays) for _ in range(4)])
    told.append(left())
    # Off for a year, and the first page then is a broken one: what is not on it is not forgotten.
    told.append([crawled(400, ["s1"], "requests of the page failed: 1"), crawled(400, stays)])
    # A feed that is never read to its end: nothing of it is gone, and it is forgotten all the same.
    for day in range(401, 412):
        told.append(crawled(day, ["s1"], "it has more than 5000 posts"))
    told.append(left())
    # What is forgotten and comes back is as new; what is on another page now is remembered there.
    told.append(crawled(412, ["s1", "s2", "elsewhere"]))
    told.append(crawled(413, ["s1", "s2", "elsewhere"]))
finally:
    with psycopg.connect(os.environ["CRAWLER_DATABASE"]) as database:
        database.execute("DELETE FROM crawled_posts WHERE feed LIKE 'kept%'")
print(json.dumps(told))
"""


@pytest.fixture
def small_log(stack: Stack) -> Iterator[None]:
    """A broker that keeps little, and looks each second."""
    stack.settings.update({**SMALL, "STREAM_RETENTION_CHECK": "1000"})
    stack.compose("up", "-d", "--no-build", "--no-deps", "--wait", "kafka")
    yield
    for name in (*SMALL, "STREAM_RETENTION_CHECK"):
        del stack.settings[name]
    stack.compose("up", "-d", "--no-build", "--no-deps", "--wait", "kafka")


def test_kafka_keeps_no_more_of_its_log_than_is_set(stack: Stack, small_log: None) -> None:
    def in_client(line: str, stdin: bytes | None = None) -> str:
        return stack.compose("exec", "-T", "client", "sh", "-c", line, stdin=stdin)

    in_client(f"{TOPICS} --create --topic kept --partitions 1")
    in_client(PRODUCER, (b"x" * 1023 + b"\n") * 1024 * MEGABYTES)
    size = "du -sk /var/lib/kafka/data/kept-0 | cut -f1"

    def kept() -> int:
        return int(stack.compose("exec", "-T", "kafka", "sh", "-c", size))

    stack.wait_for(lambda: kept() < 4 * 1024, "old segments are removed")
    first = int(in_client(f"{OFFSETS} --time earliest").rsplit(":", 1)[1])
    last = int(in_client(f"{OFFSETS} --time latest").rsplit(":", 1)[1])
    print(f"{last} messages of 1 KiB, the first {first} are removed, {kept()} KiB are kept")
    assert last == 1024 * MEGABYTES
    assert 0 < first < last
    in_client(f"{TOPICS} --delete --topic kept")


def test_airflow_keeps_no_records_and_logs_for_longer_than_is_set(stack: Stack) -> None:
    options = ("-e", "AIRFLOW_KEEP_DAYS=30", "-e", "AIRFLOW_LOG_MEGABYTES=1")
    run = ("run", "--rm", "-T", "--no-deps", *options, "airflow", "bash")
    said = stack.compose(*run, stdin=AIRFLOW.encode())
    left = {line for line in said.splitlines() if line.startswith("left: ")}
    print(*left, "cleanup: 2 log files removed", sep="\n")
    assert "cleanup: 2 log files removed" in said
    assert left == {"left: new/1.log", "left: 29 days"}


def test_the_crawler_forgets_what_it_sees_no_more_and_sends_nothing_again_for_it(
    stack: Stack,
) -> None:
    words = ("exec", "-T", "crawler", "python", "-")
    told = json.loads(stack.compose(*words, stdin=REMEMBERED.encode()))
    print(*told, sep="\n")
    assert told == [
        [[[], 3], [[], 3], [[], 1], [[], 0]],
        ["elsewhere", "s1", "s2"],
        [[[], 0], [[], 0]],
        *[[[], 0]] * 10,
        [[], 1],
        ["elsewhere", "s1"],
        [["s2"], 0],
        [[], 0],
    ]
