"""Are the topics as declared, and does an event go where Kafka itself would send it?"""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from crm_events.topics import DECLARED, FEED, PARTITIONS, SOURCES, Topic, WrongTopic, declare, partition_of
from hypothesis import given
from hypothesis import strategies as st

AS_KAFKA = DefaultPartitioner()


@given(st.uuids())
def test_an_event_goes_where_kafkas_default_partitioner_would_send_it(key: UUID) -> None:
    assert partition_of(key) == AS_KAFKA(str(key).encode(), list(range(PARTITIONS)), list(range(PARTITIONS)))


def test_each_service_writes_its_own_topic_and_reporting_the_feed() -> None:
    assert {(topic.owner, topic.name) for topic in DECLARED} == {*SOURCES.items(), ("reporting", FEED)}
    assert {topic.name for topic in DECLARED if topic.configs["cleanup.policy"] == "compact"} == {FEED}


async def configured(admin: AIOKafkaAdminClient, name: str) -> dict[str, str]:
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    [(_, _, _, _, entries)] = answer.resources
    return {entry[0]: entry[1] for entry in entries}


async def test_topics_are_created_as_declared_once_and_again(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await declare(kafka, "contacts")
        await declare(kafka)
        await declare(kafka)
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics([topic.name for topic in DECLARED])}
        assert found == {topic.name: 12 for topic in DECLARED}
        for topic in DECLARED:
            configs = await configured(admin, topic.name)
            assert {name: configs[name] for name in topic.configs} == topic.configs
            assert configs["message.timestamp.type"] == "LogAppendTime"
            assert configs["retention.ms"] == configs["retention.bytes"] == "-1"
            assert configs["cleanup.policy"] == ("compact" if topic.name == FEED else "delete")
            assert int(configs["max.message.bytes"]) >= 2 * 256 * 1024
    finally:
        await admin.close()


async def test_a_topic_with_another_number_of_partitions_is_refused(kafka: str) -> None:
    narrow = Topic(f"narrow-{uuid4().hex}", "contacts", {}, partitions=3)
    await declare(kafka, topics=[narrow])
    with pytest.raises(WrongTopic, match="3 partitions, not 12"):
        await declare(kafka, topics=[replace(narrow, partitions=12)])


async def test_what_the_cluster_refuses_is_told(kafka: str) -> None:
    with pytest.raises(KafkaError, match="unheard"):
        await declare(kafka, topics=[Topic(f"wrong-{uuid4().hex}", "contacts", {"unheard.of": "1"})])
