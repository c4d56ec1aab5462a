"""The streaming job: reads topic `posts`, has the workers score it, keeps the rows."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQueryListener

from processing import heartbeat
from processing.checkpoint import committed, misfit
from processing.model_files import UnusableModel, read_model_files
from processing.partition import Work, score_partition, warm_up
from processing.rows import Rejection, ScoredPost
from processing.settings import InvalidSetting, Settings, read_settings
from processing.store import Store
from processing.topics import Topics

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.streaming import StreamingQuery

POSTS = "posts"
REJECTED = "posts.rejected"
CHECKPOINTS = Path("/opt/spark/checkpoints")
MODELS = Path("/models")
LARGEST_BATCH = 32
EXIT_MISFIT = 4
WITHOUT_WORKER_SECONDS = 30.0


class Beats(StreamingQueryListener):  # type: ignore[misc]
    """Turns what Spark says of the query into heartbeats. An idle query reports, too."""

    def onQueryStarted(self, event: Any) -> None:
        """No heartbeat yet: the first look at Kafka is still to come."""

    def onQueryProgress(self, event: Any) -> None:
        """A batch was done."""
        beat(heartbeat.STREAMING)

    def onQueryIdle(self, event: Any) -> None:
        """Kafka was asked, and had nothing new."""
        beat(heartbeat.STREAMING)

    def onQueryTerminated(self, event: Any) -> None:
        """The supervisor sees that, and why."""


def beat(state: str) -> None:
    """Says what the job is doing."""
    heartbeat.write(heartbeat.Heartbeat(os.getpid(), state, time.time()))


class Batches:
    """What is done with each batch: scored by the workers, then kept."""

    def __init__(self, spark: SparkSession, settings: Settings, store: Store, work: Work) -> None:
        self._settings = settings
        self._store = store
        self._code_version = work.code_version
        self._work = spark.sparkContext.broadcast(work)

    def warm_up(self, spark: SparkSession) -> None:
        """Has a worker load the models: only then can the stream do what its health claims."""
        work = self._work
        spark.sparkContext.parallelize([0], 1).foreach(lambda _: warm_up(work.value))

    def process(self, batch: DataFrame, number: int) -> None:
        """Rows first, rejections then. Fails as a whole; done again, it changes nothing."""
        started = time.monotonic()
        work = self._work
        outcomes = batch.rdd.mapPartitions(
            lambda messages: score_partition(messages, work.value)
        ).collect()
        rows = [outcome for outcome in outcomes if isinstance(outcome, ScoredPost)]
        rejections = [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
        if rows:
            self._store.write(rows)
        if rejections:
            self._reject(batch.sparkSession, rejections)
        beat(heartbeat.STREAMING)
        if not outcomes:
            return
        seconds = time.monotonic() - started
        say(
            f"batch {number}: {len(rows)} scored, {len(rejections)} rejected,"
            f" {seconds:.1f} s, code {self._code_version}"
        )
        for rejection in rejections:
            say(
                f"rejected {rejection.topic}-{rejection.partition}-{rejection.offset}:"
                f" {rejection.reason}"
            )

    def _reject(self, spark: SparkSession, rejections: list[Rejection]) -> None:
        messages = [(rejection.key, rejection.as_json()) for rejection in rejections]
        (
            spark.createDataFrame(messages, "key string, value string")
            .coalesce(1)
            .write.format("kafka")
            .option("kafka.bootstrap.servers", self._settings.kafka_bootstrap)
            .option("topic", REJECTED)
            .save()
        )


class CantStart(Exception):
    """Why the stream can't start, in one line, and the code the job ends with."""

    def __init__(self, reason: str, code: int = 1) -> None:
        super().__init__(reason)
        self.code = code


def main(code_version: str) -> int:
    """The job, from first to last. Its rows will say that this version of the code made them."""
    beat(heartbeat.STARTING)
    try:
        settings = read_settings(os.environ)
        work = Work(read_model_files(MODELS), settings.policy, code_version)
        spark = SparkSession.builder.getOrCreate()
        quieten(spark.sparkContext._jvm)
        checkpoint = fitting_checkpoint(spark, settings)
        store = prepared_store(spark, settings)
    except (InvalidSetting, UnusableModel) as error:
        say(str(error))
        return 1
    except CantStart as error:
        say(str(error))
        return error.code
    except Py4JJavaError as error:
        say(f"Spark can't start: {error.java_exception.getMessage()}")
        return 1
    batches = Batches(spark, settings, store, work)
    batches.warm_up(spark)
    return stream(spark, start(spark, settings, batches, checkpoint), code_version)


def fitting_checkpoint(spark: SparkSession, settings: Settings) -> Path:
    """The folder that belongs to the topic as it is now; makes the topics where they are missing.

    Raises CantStart where Kafka doesn't answer, or messages would be left out silently.
    """
    try:
        with Topics(spark.sparkContext._jvm, settings.kafka_bootstrap) as topics:
            topics.ensure((POSTS, REJECTED))
            checkpoint = CHECKPOINTS / f"{POSTS}-{topics.id_of(POSTS)}"
            problem = misfit(committed(checkpoint, POSTS), *topics.bounds(POSTS))
    except Py4JJavaError as error:
        why = error.java_exception.getMessage()
        raise CantStart(f"Kafka at {settings.kafka_bootstrap} is of no use: {why}") from error
    if problem:
        raise CantStart(
            f"topic {POSTS} and checkpoint {checkpoint} don't fit: {problem}. To go on with what"
            " is in the topic, empty the checkpoints (inv reset-state).",
            EXIT_MISFIT,
        )
    return checkpoint


def prepared_store(spark: SparkSession, settings: Settings) -> Store:
    """The store, its table made. Raises CantStart where PostgreSQL can't be used."""
    store = Store(spark.sparkContext._jvm, settings.postgres)
    try:
        store.prepare()
    except Py4JJavaError as error:
        where = f"{settings.postgres.host}:{settings.postgres.port}"
        why = error.java_exception.getMessage()
        raise CantStart(f"PostgreSQL at {where} is of no use: {why}") from error
    return store


def stream(spark: SparkSession, query: StreamingQuery, code_version: str) -> int:
    """Waits until the query ends or is to end; gives the job's exit code."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    say(f"streaming, code {code_version}")
    worker_seen = time.monotonic()
    try:
        while not stopping.is_set():
            if query.awaitTermination(1):
                say("the query ended by itself")
                return 1
            if has_executor(spark):
                worker_seen = time.monotonic()
            elif time.monotonic() - worker_seen > WITHOUT_WORKER_SECONDS:
                say(f"no worker for {WITHOUT_WORKER_SECONDS:.0f} s: the job registers anew")
                return 1
    except StreamingQueryException:
        say("the query failed; Spark says why above")
        return 1
    query.stop()
    spark.stop()
    return 0


def has_executor(spark: SparkSession) -> bool:
    """Whether a worker works for this job: the driver itself is in the list, too.

    A master that was restarted has forgotten the job, and never gives it a worker again.
    """
    return bool(spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() > 1)


def quieten(jvm: Any) -> None:
    """Stops Spark from warning, batch by batch, that a batch takes longer than a trigger."""
    log4j = jvm.org.apache.logging.log4j
    log4j.core.config.Configurator.setLevel(
        "org.apache.spark.sql.execution.streaming.runtime.ProcessingTimeExecutor",
        log4j.Level.ERROR,
    )


def start(
    spark: SparkSession, settings: Settings, batches: Batches, checkpoint: Path
) -> StreamingQuery:
    """Starts the query from its checkpoint, or from the topic's first message."""
    spark.streams.addListener(Beats())
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap)
        .option("subscribe", POSTS)
        .option("startingOffsets", "earliest")
        # Small batches, so that a restart has little to do again.
        .option("maxOffsetsPerTrigger", LARGEST_BATCH)
        # Both of the job's cores, also when the topic has one partition.
        .option("minPartitions", "2")
        # Rows that would silently be missing are worse than a job that says why it stops.
        .option("failOnDataLoss", "true")
        .load()
        .select("topic", "partition", "offset", "value")
    )
    return (
        messages.writeStream.queryName(POSTS)
        .foreachBatch(batches.process)
        .option("checkpointLocation", str(checkpoint))
        .trigger(processingTime="1 second")
        .start()
    )


def say(line: str) -> None:
    """A line of the container's log."""
    print(f"spark-processor: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
