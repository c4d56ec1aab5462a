"""What the stream tells of itself: to Prometheus, to people, and to Kafka's own tools."""

from __future__ import annotations

import re
import time

from tests.stream.messages import a_post, poison
from tests.stream.stack import JOB, Stack

SAMPLE = re.compile(r'[a-z_]+(\{([a-z_]+="([^"\\]|\\.)*",?)+\})? -?[0-9.e+-]+')
"""A line of Prometheus' text format."""
LAG_SECONDS = 10.0


def told(stack: Stack, service: str, *command: str) -> dict[str, str]:
    """The facts that a command in a service tells."""
    said = stack.compose("exec", "-T", service, *command, check=False)
    return dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)


def of_crawler(stack: Stack) -> dict[str, str]:
    return told(stack, "crawler", "sh", "-c", "cd /opt/airflow/dags && python -m crawler.figures")


def of_job(stack: Stack) -> dict[str, str]:
    return told(stack, JOB, "curl", "-fsS", "http://127.0.0.1:9464/facts")


def test_what_waits_is_told_while_the_job_is_stopped_and_by_the_job_itself(stack: Stack) -> None:
    stack.send([a_post("figures-before"), *poison("figures-poison")])
    stack.settle()
    stack.wait_for(lambda: of_crawler(stack).get("lag") == "0", "nothing waits")

    stack.compose("stop", JOB)
    began = time.monotonic()
    stack.send([a_post(f"figures-{number}") for number in range(1000)])
    sent = time.monotonic()
    stack.wait_for(lambda: of_crawler(stack).get("lag") == "1000", "all of it waits", LAG_SECONDS)
    print(f"lag 1000 told {time.monotonic() - sent:.1f} s after {sent - began:.1f} s of sending")
    assert of_crawler(stack)["last post"].endswith("s ago")

    stack.compose("start", JOB)
    stack.settle()
    stack.wait_for(lambda: of_crawler(stack).get("lag") == "0", "nothing waits any more")
    stack.wait_for(lambda: of_job(stack).get("lag") == "0", "the job says so, too")
    result = of_job(stack)
    assert result["posts"] == "1000"
    assert (
        result["code"]
        == stack.sql("SELECT code_version FROM scored_posts LIMIT 1")[0]["code_version"]
    )

    stack.send(poison("figures-again"))
    stack.settle()
    stack.wait_for(lambda: "other" in of_job(stack).get("rejected", ""), "it counts rejections")
    text = stack.compose("exec", "-T", JOB, "curl", "-fsS", "http://127.0.0.1:9464/metrics")
    assert [line for line in text.splitlines() if not line.startswith("#")]
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line
    assert "safety_job_scored_total 1000" in text
    assert 'safety_job_rejected_total{reason="caption"} 3' in text
    assert "safety_job_lag_messages 0" in text


AIRFLOW = """
airflow db migrate > /tmp/migrated 2>&1
airflow api-server --port 8080 --workers 1 > /tmp/log 2>&1 &
for _ in $(seq 240); do
    curl -fsS http://127.0.0.1:8080/crawler/metrics && exit
    sleep 0.5
done
tail -n 40 /tmp/log
"""


def test_airflow_tells_prometheus_what_the_crawlers_topic_holds(stack: Stack) -> None:
    stack.send([a_post("figures-airflow")])
    stack.settle()
    options = ("-e", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=sqlite:////tmp/airflow.db")
    said = stack.compose(
        *("run", "--rm", "-T", "--no-deps", *options, "airflow", "bash"), stdin=AIRFLOW.encode()
    )
    result = dict(line.rsplit(" ", 1) for line in said.splitlines() if line[:6] == "safety")
    assert result, said
    assert float(result["safety_posts_sent_hour"]) >= 1
    assert float(result["safety_posts_last_timestamp_seconds"]) > time.time() - 3600
