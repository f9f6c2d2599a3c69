"""Is what staff say about no customer right all the way: in the store, on Kafka, with a subscriber, in reporting's journal?"""

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from crm_events.event import utc_text
from crm_events.sealing import is_sealed
from crm_events.topics import PARTITIONS, SOURCES
from front_end import Client, ok, token

TITLE, TEXT = "جعبهٔ دوجداره", "جعبهٔ دوجداره در باران خشک می‌ماند."
WORKED = {"agent_id": "agent-7", "role": "warehouse", "activity": "آموزش", "seconds": 1800, "customer_facing": False}


@pytest.fixture
def client(stack: dict[str, str]) -> Iterator[Client]:
    made = Client(stack)
    yield made
    made.close()


async def on_kafka(bootstrap: str, *streams: str) -> dict[str, tuple[int, str, dict[str, str], Any]]:
    """partition, key, headers and payload of the first event of each stream, of all that the topic of tickets has by now."""
    found = dict[str, tuple[int, str, dict[str, str], Any]]()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = [TopicPartition(SOURCES["tickets"], number) for number in range(PARTITIONS)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    head = {name: value.decode() for name, value in record.headers}
                    if head.get("ce_streamid") in streams:
                        found.setdefault(head["ce_streamid"], (record.partition, (record.key or b"").decode(), head, orjson.loads(record.value or b"null")))
    finally:
        await consumer.stop()
    return found


async def test_what_is_about_nobody_is_keyed_by_its_stream_and_makes_no_customer(client: Client, stack: Mapping[str, str]) -> None:
    customer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "سیمین"}).json()["id"]
    ticket = {"customer_id": customer, "kind": "question", "channel": "web", "priority": "low", "subject": "کجاست؟", "text": "نرسید."}
    asked = client.post("tickets", "/v1/tickets", ticket).json()["id"]
    told = {
        "idea": client.post("tickets", "/v1/ideas", {"title": TITLE, "text": TEXT, "department": "warehouse"}),
        "work": client.post("tickets", "/v1/work", WORKED),
        "hers": client.post("tickets", "/v1/ideas", {"title": TITLE, "text": TEXT, "customer_id": customer}),
        "on it": client.post("tickets", "/v1/work", WORKED | {"ticket_id": asked}),
        "due": client.post("tickets", "/v1/followups", {"customer_id": customer, "about_id": asked, "due_at": "2190-01-01T00:00:00Z"}),
        "heard": client.post("tickets", "/v1/feedback", {"customer_id": customer, "source": "inline", "topic": "بسته", "text": TEXT}),
    }
    ids = {name: answer.json()["id"] for name, answer in told.items()}
    accepted = client.put("tickets", f"/v1/ideas/{ids['idea']}/status", {"status": "accepted"})
    view = client.view(customer, *map(token, (*told.values(), accepted)))
    assert view["service"]["open"] == 1, "what is told beside her ticket is no ticket"

    partitions = list(range(PARTITIONS))
    there = await on_kafka(stack["KAFKA_BOOTSTRAP_SERVERS"], *ids.values())
    assert set(there) == set(ids.values())
    for name, (partition, key, head, data) in ((name, there[ids[name]]) for name in ids):
        nobodys = name in ("idea", "work")
        assert head.get("ce_subject") == (None if nobodys else customer), name
        assert key == head["ce_partitionkey"] == (ids[name] if nobodys else customer), name
        assert partition == DefaultPartitioner()(key.encode(), partitions, partitions), name
        assert all(is_sealed(data[field]) for field in ("title", "text") if field in data), "staff's words are nowhere in clear either"

    lines = client.send("reporting", "GET", "/v1/events?types=idea.*,work.logged&limit=1000")
    assert lines.is_success, lines.text
    kept = [line for line in map(orjson.loads, lines.text.splitlines()) if line["streamid"] in (ids["idea"], ids["work"])]
    assert sorted(line["type"] for line in kept) == ["idea.proposed", "idea.status_changed", "work.logged"]
    assert all("subject" not in line for line in kept)
    assert [line["data"]["title"] for line in kept if line["type"] == "idea.proposed"] == [TITLE], "and read by who may see it"
    timeline = client.get("reporting", f"/v1/customers/{customer}/timeline?source=tickets&limit=200")["items"]
    assert {item["type"] for item in timeline} >= {"idea.proposed", "work.logged", "followup.scheduled", "feedback.captured"}
    assert not {item["stream_id"] for item in timeline} & {ids["idea"], ids["work"]}
    for name in ("idea", "work"):
        assert client.send("reporting", "GET", f"/v1/customers/{ids[name]}").status_code == 404, "nobody became a customer"
    assert not [mark for mark in ok(client.send("reporting", "GET", "/v1/operations/parked"))["items"] if mark["customer_id"] in (customer, *ids.values())]


def test_a_followup_that_nobody_did_is_missed_by_the_running_timer(client: Client) -> None:
    customer = str(uuid.uuid4())
    due = utc_text(datetime.now(UTC) + timedelta(seconds=1))
    made = client.post("tickets", "/v1/followups", {"customer_id": customer, "about_id": str(uuid.uuid4()), "due_at": due})
    client.view(customer, token(made))
    path = f"/v1/customers/{customer}/timeline?types=followup.missed"
    assert client.until("reporting", path, lambda page: page["items"]), "nothing else was told: time did it"
    [missed] = client.get("reporting", path)["items"]
    assert (missed["occurred_at"], missed["actor"], missed["stream_id"]) == (due, "timer", made.json()["id"])
