"""One Kafka topic: what is on it, and putting more there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from crawler.posts import Post

SECONDS = 30


class Topic:
    """A topic, made with the broker's defaults where it is missing. Use it as a context manager."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._bootstrap = bootstrap
        self._name = name
        # By name: a client that nothing refers to any more takes its unanswered questions along.
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "delivery.timeout.ms": SECONDS * 1000,
            }
        )

    def __enter__(self) -> "Topic":
        try:
            self._admin.create_topics([NewTopic(self._name)])[self._name].result(timeout=SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._producer.flush(SECONDS)

    def id(self) -> str:
        """The topic's id: a topic that is deleted and made again gets another one."""
        topics = TopicCollection([self._name])
        return str(self._admin.describe_topics(topics)[self._name].result(timeout=SECONDS).topic_id)

    def ends(self) -> dict[int, int]:
        """By partition: the offset of the next message to come. Raises KafkaException."""
        with self._reader() as consumer:
            return {
                number: consumer.get_watermark_offsets(
                    TopicPartition(self._name, number), timeout=SECONDS
                )[1]
                for number in self._partitions(consumer)
            }

    def messages(self, since: Mapping[int, int]) -> Iterator[Message]:
        """The messages that are on the topic now, from these offsets on. Raises KafkaException."""
        with self._reader() as consumer:
            partitions = self._partitions(consumer)
            consumer.assign(
                [TopicPartition(self._name, number, since.get(number, 0)) for number in partitions]
            )
            ended: set[int] = set()
            while ended != set(partitions):
                message = consumer.poll(SECONDS)
                if message is None:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
                if (error := message.error()) is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
                else:
                    raise KafkaException(error)

    @contextmanager
    def _reader(self) -> Iterator[Consumer]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                # Kafka wants a group's name; nothing is ever committed for it.
                "group.id": "readers",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def _partitions(self, consumer: Consumer) -> list[int]:
        return list(consumer.list_topics(self._name, timeout=SECONDS).topics[self._name].partitions)

    def send(self, posts: Sequence[Post]) -> None:
        """Put posts on the topic, keyed by post_id, and wait until the broker has them all.

        Raises KafkaException.
        """
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failed.append(error)

        for post in posts:
            value = json.dumps(post, ensure_ascii=False).encode()
            self._producer.produce(self._name, value, post["post_id"], on_delivery=delivered)
        left = self._producer.flush(SECONDS)
        if failed or left:
            raise KafkaException(failed[0] if failed else KafkaError(KafkaError._TIMED_OUT))
