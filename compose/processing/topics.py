"""Kafka's topics, as far as the job must know them, asked through the client the JVM has anyway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from py4j.protocol import Py4JJavaError

TIMEOUT_MS = "10000"


class Topics:
    """Kafka's admin client. Use it as a context manager."""

    def __init__(self, jvm: Any, bootstrap: str) -> None:
        self._jvm = jvm
        properties = jvm.java.util.Properties()
        properties.setProperty("bootstrap.servers", bootstrap)
        properties.setProperty("request.timeout.ms", TIMEOUT_MS)
        properties.setProperty("default.api.timeout.ms", TIMEOUT_MS)
        self._admin = jvm.org.apache.kafka.clients.admin.AdminClient.create(properties)

    def __enter__(self) -> Topics:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def ensure(self, names: Iterable[str]) -> None:
        """Makes the topics that are missing, as many partitions as the broker's default."""
        optional = self._jvm.java.util.Optional
        for name in names:
            if name not in self._names():
                topic = self._jvm.org.apache.kafka.clients.admin.NewTopic(
                    name, optional.empty(), optional.empty()
                )
                wanted = self._jvm.java.util.Collections.singleton(topic)
                try:
                    self._admin.createTopics(wanted).all().get()
                except Py4JJavaError:
                    # The crawler may have made it in the meantime, which is as good.
                    if name not in self._names():
                        raise

    def id_of(self, name: str) -> str:
        """The topic's id: a topic that is deleted and made again gets another one."""
        names = self._jvm.java.util.Collections.singleton(name)
        found = self._admin.describeTopics(names).allTopicNames().get()
        return str(found.get(name).topicId().toString())

    def bounds(self, name: str) -> tuple[dict[int, int], dict[int, int]]:
        """By partition: the offset of the first message there is, and of the next to come."""
        spec = self._jvm.org.apache.kafka.clients.admin.OffsetSpec
        return self._offsets(name, spec.earliest()), self._offsets(name, spec.latest())

    def say_done(self, group: str, name: str, offsets: Mapping[int, int]) -> None:
        """Says in Kafka how far a topic is done, by partition, as the offsets of a consumer group
        without members: what it lags behind is seen by whoever asks Kafka."""
        done = self._jvm.java.util.HashMap()
        for partition, offset in offsets.items():
            place = self._jvm.org.apache.kafka.common.TopicPartition(name, partition)
            done.put(place, self._jvm.org.apache.kafka.clients.consumer.OffsetAndMetadata(offset))
        self._admin.alterConsumerGroupOffsets(group, done).all().get()

    def _offsets(self, name: str, spec: Any) -> dict[int, int]:
        names = self._jvm.java.util.Collections.singleton(name)
        found = self._admin.describeTopics(names).allTopicNames().get().get(name)
        partitions = {
            int(partition.partition()): self._jvm.org.apache.kafka.common.TopicPartition(
                name, partition.partition()
            )
            for partition in found.partitions()
        }
        wanted = self._jvm.java.util.HashMap()
        for partition in partitions.values():
            wanted.put(partition, spec)
        offsets = self._admin.listOffsets(wanted).all().get()
        return {
            number: int(offsets.get(partition).offset()) for number, partition in partitions.items()
        }

    def _names(self) -> set[str]:
        return {str(name) for name in self._admin.listTopics().names().get()}
