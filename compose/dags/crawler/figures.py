"""What came to the topic of posts lately, and what of it waits for the job: `python -m
crawler.figures` tells it in lines, Airflow's plugin (compose/airflow) to Prometheus.

Kafka alone is asked. So this is told whether or not the job runs, and whoever sent the posts.
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from crawler.exposition import ago, exposition, facts, gauge

POSTS = "posts"
REJECTED = "posts.rejected"
GROUP = "spark-processor"
"""As which the job says how far it is (compose/processing/progress.py)."""
HOUR_MS = 3_600_000
SECONDS = 1.25
"""For each of two questions: `inv status` waits for both for three seconds."""
Offsets = Mapping[int, int]
"""By partition."""


@dataclass(frozen=True)
class Seen:
    """What Kafka says. `last` is when the last post was sent, None where there is none."""

    lag: int = 0
    sent: int = 0
    rejected: int = 0
    last: float | None = None

    def facts(self, now: float) -> str:
        """For people."""
        return facts(
            {
                "lag": self.lag,
                "sent in the last hour": self.sent,
                "rejected in the last hour": self.rejected,
                "last post": ago(self.last, now),
            }
        )

    def metrics(self) -> str:
        """For Prometheus."""
        return exposition(
            [
                gauge("safety_posts_lag_messages", "Messages the job has not scored.", self.lag),
                gauge("safety_posts_sent_hour", "Messages of the last hour.", self.sent),
                gauge("safety_posts_rejected_hour", "Rejections of the last hour.", self.rejected),
                gauge("safety_posts_last_timestamp_seconds", "When the last came.", self.last),
            ]
        )


def look(bootstrap: str) -> Seen:
    """Asks Kafka. Raises KafkaException where it does not answer within some seconds."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    known = admin.list_topics(timeout=SECONDS).topics
    hour_ago = OffsetSpec.for_timestamp(int(time.time() * 1000) - HOUR_MS)
    specs = {
        "first": OffsetSpec.earliest(),
        "end": OffsetSpec.latest(),
        "hour": hour_ago,
        "last": OffsetSpec.max_timestamp(),
    }
    asked = {
        (topic, word): admin.list_offsets(
            {TopicPartition(topic, number): spec for number in known[topic].partitions},
            request_timeout=SECONDS,
        )
        for topic in (POSTS, REJECTED)
        if topic in known
        for word, spec in specs.items()
    }
    group = admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(GROUP)], request_timeout=SECONDS
    )[GROUP]
    found = {
        key: {place.partition: future.result() for place, future in futures.items()}
        for key, futures in asked.items()
    }

    def offsets(topic: str, word: str) -> dict[int, int]:
        return {number: one.offset for number, one in found.get((topic, word), {}).items()}

    done = {
        place.partition: place.offset
        for place in group.result().topic_partitions
        if place.topic == POSTS
    }
    times = [one.timestamp for one in found.get((POSTS, "last"), {}).values()]
    newest = max(times, default=-1)
    end = offsets(POSTS, "end")
    return Seen(
        lag=behind(end, done, offsets(POSTS, "first")),
        sent=since(end, offsets(POSTS, "hour")),
        rejected=since(offsets(REJECTED, "end"), offsets(REJECTED, "hour")),
        last=newest / 1000 if newest >= 0 else None,
    )


def behind(end: Offsets, done: Offsets, first: Offsets) -> int:
    """The messages that are there and not done: those of a partition without a place, too."""
    return sum(end[number] - max(done.get(number, 0), first.get(number, 0)) for number in end)


def since(end: Offsets, then: Offsets) -> int:
    """The messages from these places on; -1 is the place of none."""
    return sum(end[number] - offset for number, offset in then.items() if offset >= 0)


def main() -> int:
    """0, or 1 after a line that says why nothing is known."""
    try:
        seen = look(os.environ["KAFKA_BOOTSTRAP"])
    except KafkaException as error:
        print(f"Kafka does not answer: {error.args[0].str()}", file=sys.stderr)
        return 1
    print(seen.facts(time.time()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
