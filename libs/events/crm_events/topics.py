"""Where on Kafka does an event go, and what are the topics like?

Declared here once; the local stack, a deployment and the documents are made from it. Twelve partitions for ever: another number would tear
customers' orders apart.
"""

import asyncio
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

SOURCES: Mapping[str, str] = {"contacts": "crm.contacts.v1", "tickets": "crm.tickets.v1", "loyalty": "crm.loyalty.v1", "reporting": "crm.reference.v1"}
FEED = "crm.customers.v1"  # the customers as reporting sees them, newest version of each
PARTITIONS = 12

# A batch of a few of the largest payloads (256 KiB each) and their headers, uncompressed, still fits.
_MAX_MESSAGE_BYTES = str(2 * 1024 * 1024)
_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "message.timestamp.type": "LogAppendTime", "max.message.bytes": _MAX_MESSAGE_BYTES}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be, `owner` being the service that alone writes it."""

    name: str
    owner: str
    configs: Mapping[str, str]
    partitions: int = PARTITIONS


DECLARED: tuple[Topic, ...] = (
    *(Topic(name, owner, {**_FOR_EVER, "cleanup.policy": "delete"}) for owner, name in SOURCES.items()),
    Topic(FEED, "reporting", {**_FOR_EVER, "cleanup.policy": "compact"}),
)


class WrongTopic(Exception):
    """A topic exists with another number of partitions: keys would hash elsewhere. Copy it to a new cluster; never add partitions."""


_WORDS = struct.Struct("<9I")  # 36 bytes: no rest to hash


@lru_cache(maxsize=100_000)
def partition_of(key: UUID) -> int:
    """The partition of a key, as Kafka's default partitioner (murmur2 over its 36 ASCII bytes) would choose it."""
    digest = 0x9747B28C ^ 36
    for word in _WORDS.unpack(str(key).encode()):
        mixed = word * 0x5BD1E995 & 0xFFFFFFFF
        mixed = (mixed ^ mixed >> 24) * 0x5BD1E995 & 0xFFFFFFFF
        digest = digest * 0x5BD1E995 & 0xFFFFFFFF ^ mixed
    digest = (digest ^ digest >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return ((digest ^ digest >> 15) & 0x7FFFFFFF) % PARTITIONS


async def declare(bootstrap_servers: str, source: str | None = None, *, topics: Iterable[Topic] = DECLARED, replication: int = 1, **connection: Any) -> None:
    """Create the topics that are missing: all, or those `source` writes; return when every one can be used. What is there is left as it is.

    `connection`: security settings of aiokafka's clients. Raises WrongTopic; KafkaError when the cluster refuses; TimeoutError after 30 s.
    """
    wanted = [topic for topic in topics if source in (None, topic.owner)]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, **connection)
    await admin.start()
    try:
        leaders = await _leaders(admin)
        await _create(admin, [topic for topic in wanted if topic.name not in leaders], replication)
        async with asyncio.timeout(30):
            while not all(_usable(topic, leaders.get(topic.name, [])) for topic in wanted):
                await asyncio.sleep(0.05)  # the controller has made them; the brokers hear of it a moment later
                leaders = await _leaders(admin)
    finally:
        await admin.close()


async def _leaders(admin: AIOKafkaAdminClient) -> dict[str, list[int]]:
    # All topics are asked for: asking for one by name could create it with the broker's defaults.
    return {topic["topic"]: [partition["leader"] for partition in topic["partitions"]] for topic in await admin.describe_topics()}


def _usable(topic: Topic, leaders: list[int]) -> bool:
    if leaders and len(leaders) != topic.partitions:
        raise WrongTopic(f"{topic.name} has {len(leaders)} partitions, not {topic.partitions}.")
    return bool(leaders) and min(leaders) >= 0


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], replication: int) -> None:
    if not topics:
        return
    answer = await admin.create_topics([NewTopic(topic.name, topic.partitions, replication, topic_configs=dict(topic.configs)) for topic in topics])
    for name, code, *rest in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:  # another process may have been first
            raise error(f"{name}: {rest[0] if rest else ''}")
