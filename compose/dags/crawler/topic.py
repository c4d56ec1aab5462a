"""One Kafka topic: what is on it, and putting more there."""

import json
from types import TracebackType

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SECONDS = 30


class Topic:
    """A topic, made with the broker's defaults where it is missing. Use it as a context manager."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._bootstrap = bootstrap
        self._name = name
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "delivery.timeout.ms": SECONDS * 1000,
            }
        )

    def __enter__(self) -> "Topic":
        # By name: a client that nothing refers to any more takes its unanswered questions along.
        admin = AdminClient({"bootstrap.servers": self._bootstrap})
        try:
            admin.create_topics([NewTopic(self._name)])[self._name].result(timeout=SECONDS)
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

    def keys(self) -> set[str]:
        """The keys of all messages that are on the topic now."""
        return {key.decode() for message in self.messages() if (key := message.key())}

    def messages(self) -> list[Message]:
        """All messages that are on the topic now. Raises KafkaException."""
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
            partitions = (
                consumer.list_topics(self._name, timeout=SECONDS).topics[self._name].partitions
            )
            consumer.assign([TopicPartition(self._name, number, 0) for number in partitions])
            found: list[Message] = []
            ended: set[int] = set()
            while ended != set(partitions):
                message = consumer.poll(SECONDS)
                if message is None:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
                if (error := message.error()) is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
                else:
                    raise KafkaException(error)
            return found
        finally:
            consumer.close()

    def send(self, posts: list[dict[str, str]]) -> None:
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
