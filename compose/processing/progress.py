"""How far the job has come with its topic, told to Kafka and counted."""

from __future__ import annotations

import time
from pathlib import Path

from py4j.protocol import Py4JError

from processing.checkpoint import CutCheckpoint, committed
from processing.figures import Figures, waiting
from processing.topics import Topics

GROUP = "spark-processor"
"""Spark keeps its place in the checkpoint alone. It is said in Kafka, too, as that of a consumer
group: others see how much waits, above all when the job does not run."""
LOOK_SECONDS = 5.0
AWAY_SECONDS = 30.0
SAY_SECONDS = 3600.0
"""Kafka forgets a group that has said nothing for long: KAFKA_OFFSETS_RETENTION_MINUTES."""


class Progress:
    """What is done of a topic, and what waits."""

    def __init__(self, topics: Topics, topic: str, figures: Figures) -> None:
        self._topics = topics
        self._topic = topic
        self._figures = figures
        self._said: dict[int, int] = {}
        self._said_at = self._next = self._away_until = 0.0

    def look(self, checkpoint: Path) -> None:
        """At once after a batch, else every few seconds. A Kafka that is away costs the word, and
        not the stream."""
        now = time.monotonic()
        try:
            done = committed(checkpoint, self._topic)
        except CutCheckpoint:  # the job's next start says what that means
            return
        if now < self._away_until or (done == self._said and now < self._next):
            return
        try:
            if done and (done != self._said or now > self._said_at + SAY_SECONDS):
                self._topics.say_done(GROUP, self._topic, done)
                self._said, self._said_at = done, now
            self._figures.lag(waiting(done, *self._topics.bounds(self._topic)))
            self._next = now + LOOK_SECONDS
        except Py4JError:
            self._figures.lag(None)
            self._away_until = now + AWAY_SECONDS
