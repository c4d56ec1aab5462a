"""What is done with each batch: the workers score it and write the rows; Kafka is told the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pyspark import AccumulatorParam, TaskContext

from processing.figures import Figures
from processing.heartbeat import Pulse
from processing.partition import Message, score_partition, warm_up
from processing.store import Away, Store
from processing.tally import Tally

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

KAFKA_READER = {
    "kafka.request.timeout.ms": "10000",
    "kafka.default.api.timeout.ms": "15000",
    "kafkaConsumer.pollTimeoutMs": "30000",
}
"""Kafka's own patience is minutes: longer than it takes to say that there is no Kafka."""
KAFKA_WRITER = {
    "kafka.request.timeout.ms": "10000",
    "kafka.max.block.ms": "15000",
    "kafka.delivery.timeout.ms": "30000",
}


class Stopping(Exception):
    """The job is to end: the batch is left, and done again by the next one."""


class _Tallies(AccumulatorParam):  # type: ignore[misc]
    def zero(self, value: Tally) -> Tally:
        return Tally()

    def addInPlace(self, value1: Tally, value2: Tally) -> Tally:
        return value1.merge(value2)


class Batches:
    """The batches of one query. `late`: of the retries, which give way to those that come in."""

    def __init__(
        self,
        spark: SparkSession,
        work: Any,
        store: Store,
        pulse: Pulse,
        figures: Figures,
        stopping: threading.Event,
        kafka: str,
        check: Callable[[], None],
        *,
        late: bool,
    ) -> None:
        self._spark = spark
        self._work = work
        self._store = store
        self._pulse = pulse
        self._figures = figures
        self._stopping = stopping
        self._kafka = kafka
        self._check = check
        self._late = late
        self._tally = spark.sparkContext.accumulator(Tally(), _Tallies())
        self.done = 0
        self.has_scored = False
        self.due = float("inf")

    def process(self, batch: DataFrame, number: int) -> None:
        """Does a batch. Fails as a whole; done again, it changes nothing.

        While the database is away the batch waits for it, and is done again.
        """
        started = time.monotonic()
        self._check()
        if not self._late:
            self._pulse.batch_begins()
        scored = False
        try:
            tally = self._tried(batch)
            tries = 0
            while tally.trouble:
                self._wait_for_database(tally.trouble, tries)
                tries += 1
                tally = self._tried(batch)
            # A rejection, or a text alone, does not show that the code works.
            scored = tally.scored > 0
        finally:
            if not self._late:
                self._pulse.batch_ends(done=scored)
        self.done += 1
        self.has_scored = self.has_scored or scored
        self.due = min(self.due, tally.due)
        if not self._late:
            self._pulse.streaming()
        seconds = time.monotonic() - started
        self._figures.batch(tally, seconds)
        name = "retries" if self._late else "batch"
        print(
            f"spark-processor: {name} {number}: {tally}, {seconds:.1f} s,"
            f" code {self._work.value.code_version}",
            flush=True,
        )
        for example in tally.examples:
            print(f"spark-processor: {example}", flush=True)

    def _tried(self, batch: DataFrame) -> Tally:
        """Has the workers do the batch; what became of it."""
        tallies, work, late = self._tally, self._work, self._late
        tallies.value = Tally()

        def score(messages: Iterable[Message]) -> Iterator[tuple[str, str, str]]:
            context = TaskContext.get()
            careful = context is not None and context.attemptNumber() > 0
            tally = Tally()
            yield from score_partition(messages, work.value, tally, late=late, careful=careful)
            tallies.add(tally)

        context = self._spark.sparkContext
        context.setLocalProperty("spark.scheduler.pool", "late" if late else "posts")
        # No more tasks than run at once; a retry that dribbles takes one core and not all.
        share = batch.rdd.coalesce(1 if late else context.defaultParallelism)
        told = self._spark.createDataFrame(
            share.mapPartitions(score), "topic string, key string, value string", verifySchema=False
        )
        writer = told.write.format("kafka").option("kafka.bootstrap.servers", self._kafka)
        writer.options(**KAFKA_WRITER).save()
        found: Tally = tallies.value
        return found

    def _wait_for_database(self, why: str, tries: int) -> None:
        """Until it answers, with pauses that grow. Where it answers already, one pause."""
        while True:
            self._pulse.waiting("the database does not answer", why)
            if tries == 0:
                print(f"spark-processor: the database does not answer: {why}", flush=True)
            if self._stopping.wait(wait_seconds(tries)):
                raise Stopping
            tries += 1
            try:
                self._store.check()
            except Away as error:
                why = str(error)
            else:
                return


def wait_seconds(tries: int) -> float:
    """The pauses between two looks at what is away: a second at first, half a minute at most."""
    return float(min(2 ** min(tries, 10), 30))


def warm_workers(spark: SparkSession, work: Any) -> None:
    """Has the workers load the models: only then can the stream do what its health claims."""
    cores = spark.sparkContext.defaultParallelism
    spark.sparkContext.parallelize(range(cores), cores).foreach(lambda _: warm_up(work.value))
