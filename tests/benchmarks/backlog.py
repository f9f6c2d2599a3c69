"""Which events do projector and rebuild work on? The touchpoints of 10,000 customers over three services, as they would have come: one's among everybody's."""

import asyncio
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

from aiokafka import AIOKafkaProducer
from crm_events.event import Event
from crm_events.topics import SOURCES
from histories import Storyteller
from telling import START, Teller

from benchmarks.harness import Ground
from benchmarks.relay import topic

CUSTOMERS, EVENTS, MANY = 10_000, 100_000, 3


@dataclass
class _Noted(Teller):
    """Notes what a story tells, to be told among others' later."""

    noted: list[tuple[Event, uuid.UUID, uuid.UUID | None, Any]] = field(default_factory=list)

    def tell(self, event: Event, customer: uuid.UUID | None = None, *, stream: uuid.UUID | None = None, at: Any = None) -> Any:
        self.noted.append((event, customer, stream, at))
        return SimpleNamespace(occurred_at=at or START)


def interleaved(seed: int = 4) -> Teller:
    """At least `EVENTS` events of `CUSTOMERS` customers, each customer's in order."""
    random, teller = Random(seed), Teller()
    keyed: list[tuple[float, int, tuple[Event, uuid.UUID, uuid.UUID | None, Any]]] = []
    for number in range(CUSTOMERS):
        noted = _Noted()
        story = Storyteller(random, noted)
        customer = story.id()
        for chapter in (story.contact, story.ticket, story.member):
            chapter(customer, random.randrange(MANY * 2))
        moments = sorted(random.random() for _ in noted.noted)
        keyed += [(moment, number, each) for moment, each in zip(moments, noted.noted, strict=True)]
    keyed.sort(key=lambda each: each[0])
    for _, _, (event, customer, stream, at) in keyed[:EVENTS]:
        teller.tell(event, customer, stream=stream, at=at)
    return teller


async def published(ground: Ground, teller: Teller) -> dict[str, str]:
    """All of it on topics of its own; their names by source."""
    names = {source: await topic(ground) for source in SOURCES}
    waiting: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for record in teller.told:
        waiting[names[record.source], record.partition].append(record)
    producer = AIOKafkaProducer(bootstrap_servers=ground.kafka.url, acks="all", enable_idempotence=True, max_batch_size=1 << 20)
    await producer.start()
    now = int(time.time() * 1000)  # an old time would be deleted by the topic's retention

    async def send(where: tuple[str, int]) -> None:
        batch = producer.create_batch()
        for record in waiting[where]:
            told = {"key": str(record.key).encode(), "value": record.value, "timestamp": now, "headers": list(record.headers.items())}
            if batch.append(**told) is None:
                await (await producer.send_batch(batch, where[0], partition=where[1]))
                batch = producer.create_batch()
                batch.append(**told)
        await (await producer.send_batch(batch, where[0], partition=where[1]))

    await asyncio.gather(*map(send, waiting))
    await producer.stop()
    return names
