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
    found = of_job(stack)
    assert found["posts"] == "1000"
    assert (
        found["code"]
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
