"""The streaming job: reads topic `posts`, has the workers score it, keeps the rows.

What is around it may go away for as long as it likes: the job waits, and says for what. It ends
where it is told to, where trying again is of no use, where its own code fails twice in a row, and
where it must register with Spark's master again.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException, StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQueryListener

from processing.batches import KAFKA_READER, Batches, wait_seconds, warm_workers
from processing.checkpoint import CutCheckpoint, committed, misfit
from processing.figures import PORT, Figures, serve
from processing.heartbeat import Pulse
from processing.model_files import UnusableModel, read_model_files
from processing.partition import Work
from processing.progress import Progress
from processing.rows import REJECTED, RETRY
from processing.settings import InvalidSetting, Settings, read_settings
from processing.store import Away, Store
from processing.topics import Topics

if TYPE_CHECKING:
    from pyspark.sql.streaming import StreamingQuery

POSTS = "posts"
CHECKPOINTS = Path("/opt/spark/checkpoints")
MODELS = Path("/models")
TRIGGER = "250 milliseconds"
POSTS_A_CORE = {True: 256, False: 2048}
"""With and without their clips: a batch is done in some seconds, and little is done again."""
MOST_POSTS = 16_384
EXIT_MISFIT = 4
EXIT_OUTSIDE = 5
"""What is around the job is at fault, and no other code would do better."""
EXIT_SETTING = 6
WITHOUT_WORKER_SECONDS = 30.0
WARM_UP_SECONDS = 180.0
FAILED_RETRY_SECONDS = 30.0
QUIET_SECONDS = 15.0
"""An idle query speaks every ten: after more, Kafka is asked whether it is there."""
MOST_FAILURES = 2

_ERROR = re.compile(r"(?:Caused by: )?(?:[\w$]+\.)*\w*(?:Error|Exception): ")


class CantGoOn(Exception):
    """Why the job ends, in one line, and with which code."""

    def __init__(self, reason: str, code: int = 1) -> None:
        super().__init__(reason)
        self.code = code


class Beats(StreamingQueryListener):  # type: ignore[misc]
    """Turns what Spark says of the query into heartbeats. An idle query reports, too."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def onQueryStarted(self, event: Any) -> None:
        """No heartbeat yet: the first look at Kafka is still to come."""

    def onQueryProgress(self, event: Any) -> None:
        """A batch was done."""
        self._job.is_alive(str(event.progress.id))

    def onQueryIdle(self, event: Any) -> None:
        """Kafka was asked, and had nothing new."""
        self._job.is_alive(str(event.id))

    def onQueryTerminated(self, event: Any) -> None:
        """The job's own loop sees that, and why."""


class Job:
    """The queries and what they need: started, watched, started again."""

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        work: Work,
        pulse: Pulse,
        topics: Topics,
        figures: Figures,
    ) -> None:
        self._spark = spark
        self._settings = settings
        self._pulse = pulse
        self._topics = topics
        self._figures = figures
        self._progress = Progress(topics, POSTS, figures)
        self._store = Store(settings.postgres)
        self._work = spark.sparkContext.broadcast(work)
        self._version = work.code_version
        self._stopping = threading.Event()
        self._topic_ids: dict[str, str] = {}
        self._query: StreamingQuery | None = None
        self._retrying: StreamingQuery | None = None
        self._heard = time.monotonic()
        self._posts = self._batches(POSTS, late=False)
        self._retries = self._batches(RETRY, late=True)
        self._retry_at = 0.0
        signal.signal(signal.SIGTERM, lambda *_: self._stopping.set())
        spark.streams.addListener(Beats(self))

    def run(self) -> None:
        """Until the job is told to end. Raises CantGoOn where it ends by itself."""
        self._wait_for_worker()
        failures = 0
        while not self._stopping.is_set():
            done = self._posts.done
            reason = self._stream()
            if reason is None:
                break
            failures = 1 if self._posts.done > done else failures + 1
            say(f"the query ended: {reason}")
            if os.strerror(errno.ENOSPC) in reason:
                self._pulse.waiting("the disk is full", reason)
            elif failures >= MOST_FAILURES:
                raise CantGoOn(reason)
            self._stopping.wait(wait_seconds(failures))

    def is_alive(self, query_id: str) -> None:
        """Spark says that a query works."""
        if self._query is not None and query_id == str(self._query.id):
            self._heard = time.monotonic()
            self._pulse.streaming()

    def _batches(self, topic: str, *, late: bool) -> Batches:
        return Batches(
            self._spark,
            self._work,
            self._store,
            self._pulse,
            self._figures,
            self._stopping,
            self._settings.kafka_bootstrap,
            lambda: self._check_topic(topic),
            late=late,
        )

    def _stream(self) -> str | None:
        """Streams until the query ends by itself, and gives why; None where it is to end."""
        kafka = f"Kafka at {self._settings.kafka_bootstrap} does not answer"
        if not self._patiently(kafka, Py4JError, self._see_topics):
            return None
        if not self._patiently("the database does not answer", Away, self._store.check):
            return None
        if not self._patiently("the schema is not migrated", Away, self._see_schema):
            return None
        say(f"streaming, code {self._version}")
        self._heard = time.monotonic()
        self._retry_at = 0.0
        query = self._query = self._start(
            POSTS, self._posts, {"processingTime": "250 milliseconds"}
        )
        worker_seen = time.monotonic()
        try:
            while not self._stopping.is_set():
                if query.awaitTermination(1):
                    return "it was stopped from outside"
                if self._has_worker():
                    worker_seen = time.monotonic()
                elif time.monotonic() - worker_seen > WITHOUT_WORKER_SECONDS:
                    raise CantGoOn(self._no_worker(), EXIT_OUTSIDE)
                self._look_at_retries()
                self._progress.look(self._checkpoint(POSTS))
                if time.monotonic() - self._heard > QUIET_SECONDS:
                    self._heard = time.monotonic()
                    self._look_at_kafka(kafka)
        except StreamingQueryException as error:
            return first_line(error)
        finally:
            self._query = None
            self._stop_queries()
            self._progress.look(self._checkpoint(POSTS))
        return None

    def _see_schema(self) -> None:
        """Sees that the table is the one that is written to; tells the database of the models."""
        self._store.check_schema()
        models = self._work.value.models
        self._store.use_models(models.digest, models.manifest)

    def _see_topics(self) -> None:
        """Makes the topics that are missing; sees that the checkpoints fit them."""
        self._topics.ensure((POSTS, REJECTED, RETRY))
        for topic in (POSTS, RETRY):
            self._topic_ids[topic] = self._topics.id_of(topic)
            checkpoint = self._checkpoint(topic)
            hint = "To go on with what is in the topic, empty the checkpoints (inv reset-state)."
            try:
                problem = misfit(committed(checkpoint, topic), *self._topics.bounds(topic))
            except CutCheckpoint as error:
                why = f"The checkpoint can't be used: {error}. {hint}"
                raise CantGoOn(why, EXIT_MISFIT) from error
            if problem:
                raise CantGoOn(
                    f"topic {topic} and checkpoint {checkpoint} don't fit: {problem}. {hint}",
                    EXIT_MISFIT,
                )

    def _checkpoint(self, topic: str) -> Path:
        return CHECKPOINTS / f"{topic}-{self._topic_ids[topic]}"

    def _check_topic(self, topic: str) -> None:
        """Raises where the topic was deleted and made again since the query began: the offsets of
        this batch then belong to a topic that is no more."""
        if self._topics.id_of(topic) != self._topic_ids[topic]:
            raise RuntimeError(f"topic {topic} was recreated: its messages are read from the first")

    def _patiently(self, what: str, problem: type[Exception], act: Callable[[], None]) -> bool:
        """Does something as soon as what it needs is there; whether it was done."""
        tries = 0
        while not self._stopping.is_set():
            try:
                act()
            except problem as error:
                if tries == 0:
                    say(f"{what}: {first_line(error)}")
                self._pulse.waiting(what, first_line(error))
                self._stopping.wait(wait_seconds(tries))
                tries += 1
                continue
            self._pulse.starting()
            return True
        return False

    def _look_at_kafka(self, what: str) -> None:
        """Whether a query that is silent has a Kafka to ask."""
        try:
            self._topics.id_of(POSTS)
        except Py4JError as error:
            self._pulse.waiting(what, first_line(error))

    def _look_at_retries(self) -> None:
        """Has the retries tried that are due. They end by themselves."""
        if self._retrying is not None:
            if self._retrying.isActive:
                return
            error = self._retrying.exception()
            if error is not None:
                reason = first_line(error)
                has_scored = self._posts.has_scored or self._retries.has_scored
                if "PythonException" in str(error) and not has_scored:
                    # An edit that fails at what waits is none that streams: others can take over.
                    raise CantGoOn(reason)
                say(f"the retries failed, and are tried again: {reason}")
                self._retry_at = time.time() + FAILED_RETRY_SECONDS
            self._retrying = None
        due = min(self._retry_at, self._posts.due, self._retries.due)
        if time.time() < due:
            return
        self._retry_at = self._posts.due = self._retries.due = float("inf")
        self._retrying = self._start(RETRY, self._retries, {"availableNow": True})

    def _start(self, topic: str, batches: Batches, trigger: dict[str, Any]) -> StreamingQuery:
        """Starts a query from its checkpoint, or from the topic's first message."""
        cores = self._spark.sparkContext.defaultParallelism
        most = self._settings.batch_posts or min(
            POSTS_A_CORE[self._settings.policy.fusion] * cores, MOST_POSTS
        )
        messages = (
            self._spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", self._settings.kafka_bootstrap)
            .option("subscribe", topic)
            .option("startingOffsets", "earliest")
            .option("maxOffsetsPerTrigger", most)
            # Workers that join later find enough pieces to share.
            .option("minPartitions", max(8, 4 * cores))
            # Rows that would silently be missing are worse than a job that says why it stops.
            .option("failOnDataLoss", "true")
            .options(**KAFKA_READER)
            .load()
            # Of a message that is far too long the beginning is enough to say so.
            .selectExpr(
                "topic",
                "partition",
                "offset",
                "length(value) AS size",
                "substring(value, 1, 262145) AS value",
            )
        )
        return (
            messages.writeStream.queryName(topic)
            .foreachBatch(batches.process)
            .option("checkpointLocation", str(self._checkpoint(topic)))
            .trigger(**trigger)
            .start()
        )

    def _stop_queries(self) -> None:
        for query in self._spark.streams.active:
            try:
                query.stop()
            except (PySparkException, Py4JError) as error:
                say(f"a query does not stop: {first_line(error)}")
        self._retrying = None

    def _wait_for_worker(self) -> None:
        """Until a worker has joined and loaded the models. Raises CantGoOn where none does."""
        end = time.monotonic() + WITHOUT_WORKER_SECONDS
        while not self._has_worker() and not self._stopping.wait(0.2):
            if time.monotonic() > end:
                raise CantGoOn(self._no_worker(), EXIT_OUTSIDE)
        tag = "warm-up"
        warming = threading.Thread(target=self._warm_up, args=(tag,), daemon=True)
        self._warm_error = ""
        warming.start()
        end = time.monotonic() + WARM_UP_SECONDS
        while warming.is_alive() and not self._stopping.is_set():
            warming.join(0.2)
            if time.monotonic() > end:
                raise CantGoOn(
                    f"no worker has loaded the models within {WARM_UP_SECONDS:.0f} s", EXIT_OUTSIDE
                )
        if self._warm_error:
            raise CantGoOn(f"the workers can't load the models: {self._warm_error}")

    def _warm_up(self, tag: str) -> None:
        try:
            warm_workers(self._spark, self._work)
        except (PySparkException, Py4JError) as error:
            self._warm_error = first_line(error)

    def _has_worker(self) -> bool:
        """Whether a worker works for this job: the driver itself is in the list, too."""
        if self._settings.is_local:
            return True
        return bool(self._spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() > 1)

    def _no_worker(self) -> str:
        """A master that was restarted has forgotten the job, and never gives it a worker again:
        so the job ends, and registers again."""
        master, seconds = self._settings.spark_master, WITHOUT_WORKER_SECONDS
        return f"{master} has had no worker for this job for {seconds:.0f} s: it registers again"


def main(code_version: str) -> int:
    """The job, from first to last. Its rows will say that this version of the code made them."""
    pulse = Pulse(code_version)
    pulse.starting()
    try:
        settings = read_settings(os.environ)
        models = read_model_files(MODELS)
        work = Work(
            models,
            replace(settings.policy, exponent=models.exponent),
            code_version,
            settings.postgres,
            settings.clip_downloads,
            settings.clip_hosts,
        )
        figures = Figures(code_version, models.digest, settings.policy.threshold)
        serve_figures(figures)
        spark = SparkSession.builder.getOrCreate()
        quieten(spark.sparkContext._jvm)
        with Topics(spark.sparkContext._jvm, settings.kafka_bootstrap) as topics:
            Job(spark, settings, work, pulse, topics, figures).run()
        spark.stop()
    except InvalidSetting as error:
        return ended(pulse, str(error), EXIT_SETTING)
    except UnusableModel as error:
        return ended(pulse, str(error), EXIT_OUTSIDE)
    except CantGoOn as error:
        return ended(pulse, str(error), error.code)
    except Py4JError as error:
        return ended(pulse, f"Spark can't go on: {first_line(error)}", 1)
    return 0


def serve_figures(figures: Figures) -> None:
    """Has them told. Where the port is taken nobody is told, and the stream goes on."""
    try:
        serve(figures)
    except OSError as error:
        say(f"no figures are told on port {PORT}: {error}")


def ended(pulse: Pulse, why: str, code: int) -> int:
    """Says why the job ends; gives its code."""
    pulse.failed(why)
    say(why)
    return code


def first_line(error: Exception) -> str:
    """An error in one line: where one was caused by another, the first cause; where Python failed
    on a worker, the last line of its tale."""
    java = getattr(error, "java_exception", None)
    text = str(error) if java is None else f"{java.toString()}\n{_causes(java)}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if _ERROR.match(line) and "py4j.protocol" not in line]
    line = named[-1] if named else lines[0] if lines else type(error).__name__
    return line.removeprefix("Caused by: ")[:300]


def _causes(java: Any) -> str:
    cause, told = java.getCause(), ""
    while cause is not None:
        told += f"Caused by: {cause.toString()}\n"
        cause = cause.getCause()
    return told


def quieten(jvm: Any) -> None:
    """Stops Spark from warning, batch by batch, that a batch takes longer than a trigger, and
    Kafka's clients from telling each second, each for itself, that there is no Kafka."""
    log4j = jvm.org.apache.logging.log4j
    for name in (
        "org.apache.spark.sql.execution.streaming.runtime.ProcessingTimeExecutor",
        "org.apache.spark.scheduler.DAGScheduler",
        "org.apache.spark.scheduler.FairSchedulableBuilder",
        "org.apache.kafka.clients.NetworkClient",
    ):
        log4j.core.config.Configurator.setLevel(name, log4j.Level.ERROR)


def say(line: str) -> None:
    """A line of the container's log."""
    print(f"spark-processor: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
