"""A job like ours, so that Spark loads the classes which ours needs. (make.sh)

No Kafka answers it: what reads one and what writes to one gives up at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

KAFKA = {
    "kafka.bootstrap.servers": "localhost:9",
    "kafka.request.timeout.ms": "1000",
    "kafka.default.api.timeout.ms": "1000",
    "kafka.max.block.ms": "1000",
    "fetchoffset.numretries": "1",
}


def main() -> None:
    """The stream and its worker in this JVM; then a master and a worker in it, too."""
    spark = SparkSession.builder.getOrCreate()
    warm_up(spark)
    stream(spark)
    spark.stop()
    warm_up(SparkSession.builder.master("local-cluster[1,1,1024]").getOrCreate())


def warm_up(spark: SparkSession) -> None:
    """Gives each core something to do."""
    seen = spark.sparkContext.accumulator(0)
    word = spark.sparkContext.broadcast("posts")
    spark.sparkContext.parallelize(range(2), 2).foreach(lambda _: seen.add(len(word.value)))


def stream(spark: SparkSession) -> None:
    """A batch from a Kafka that is not there, and one from the clock."""

    def told(rows: Iterable[Any]) -> Iterator[tuple[str, str, str]]:
        for row in rows:
            yield "posts", str(row[0]), str(row[1])

    def process(batch: DataFrame, number: int) -> None:
        schema = "topic string, key string, value string"
        rows = batch.rdd.coalesce(2).mapPartitions(told)
        writer = spark.createDataFrame(rows, schema, verifySchema=False).write.format("kafka")
        writer.options(**KAFKA).save()

    from_kafka = spark.readStream.format("kafka").option("subscribe", "posts").options(**KAFKA)
    from_clock = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10)
    for source in (
        from_kafka.load().selectExpr("offset", "substring(value, 1, 9) AS value"),
        from_clock.load().selectExpr("value AS offset", "CAST(timestamp AS string) AS value"),
    ):
        query = source.writeStream.foreachBatch(process).trigger(availableNow=True)
        with contextlib.suppress(PySparkException):
            query.start().awaitTermination(60)


if __name__ == "__main__":
    main()
