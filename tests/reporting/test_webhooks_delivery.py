"""Does every event reach its receiver, signed, in each customer's order, whatever the receiver or the sender's own process does?"""

import asyncio
import os
import random
import signal
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from crm_events.language.contacts import ContactDetailsChanged
from crm_reporting.own_process import _environment
from crm_reporting.settings import ReportingSettings
from crm_reporting.webhooks import subscription
from crm_reporting.webhooks.secret import Secrets
from crm_reporting.webhooks.subscription import Wanted
from receiver import Answering, Receiver
from reporting_story import Story

SOON = 60.0
SECRETS = Secrets(bytes(range(32)))
Sender = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def sender(settings: ReportingSettings) -> AsyncIterator[Sender]:
    """Starts `reporting webhooks` as a process of its own, as often as asked."""
    started: list[asyncio.subprocess.Process] = []

    async def start(**more: str) -> asyncio.subprocess.Process:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        told = {"METRICS_PORT": str(port), "WEBHOOK_RETRY_SECONDS": "0.05", "WEBHOOK_ALLOWED_NETWORKS": '["127.0.0.0/8"]', "INSTANCE": "test", **more}
        program = (sys.executable, "-c", "from crm_reporting.cli import app; app()", "webhooks")
        process = await asyncio.create_subprocess_exec(*program, env=os.environ | _environment(settings) | told, stdout=asyncio.subprocess.DEVNULL)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def receiving() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def receive(answering: Answering | None = None, **more: Any) -> Receiver:
        made.append(Receiver(answering=answering, **more))
        return made[-1]

    yield receive
    for each in made:
        each.close()


async def subscribed(connection: asyncpg.Connection, receiver: Receiver, *types: str, **more: Any) -> uuid.UUID:
    async with connection.transaction():
        made, secret = await subscription.create(connection, SECRETS, Wanted(receiver.url, types or ("*",), **more), after=0, by="agent:7")
        told = await SECRETS.tell(connection, made, secret)
    assert told is not None
    receiver.secrets.append(told)
    return made


async def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def history(story: Story, customers: int, each: int) -> dict[str, list[str]]:
    """Events of some customers, interleaved; by customer, their ids in order."""
    ids = [uuid.uuid4() for _ in range(customers)]
    records = [story.teller.tell(ContactDetailsChanged(language="fa"), customer) for _ in range(each) for customer in ids]
    await story.project(records)
    told: dict[str, list[str]] = {str(customer): [] for customer in ids}
    for record in records:
        told[str(record.key)].append(str(record.event_id))
    return told


def first_arrivals(receiver: Receiver) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in receiver.taken:
        mine = found.setdefault(event["subject"], [])
        if event["id"] not in mine:
            mine.append(event["id"])
    return found


async def test_a_sender_that_is_killed_again_and_again_loses_nothing_and_keeps_each_customers_order(
    sender: Sender, receiving: Callable[..., Receiver], connection: asyncpg.Connection, story: Story
) -> None:
    chance = random.Random(5)
    receiver = receiving(lambda event, times: 503 if times == 1 and chance.random() < 0.1 else 204)
    await subscribed(connection, receiver)
    told = await history(story, 30, 5)
    for point in ("webhooks.owed@1", "webhooks.sent@20"):  # owed and not committed; answered and not written down
        died = await sender(CRM_FAILPOINT=point)
        assert await asyncio.wait_for(died.wait(), SOON) == -signal.SIGKILL
    taken = len(receiver.taken)
    assert 0 < taken < 150
    alive = await sender()
    await until(lambda: len(receiver.taken) > taken + 10)
    alive.kill()
    await alive.wait()
    more = await history(story, 5, 4)
    assert len(receiver.taken) < 170
    await sender()
    await until(lambda: first_arrivals(receiver) == told | more)
    assert receiver.forged == 0
    assert receiver.arrived > 170, "what was answered and not written down came again"
    rows = await connection.fetch("select state, count(*) from webhook_delivery group by 1")
    end = time.monotonic() + SOON
    while [tuple(row) for row in rows] != [("delivered", 170)] and time.monotonic() < end:
        rows = await connection.fetch("select state, count(*) from webhook_delivery group by 1")
    assert [tuple(row) for row in rows] == [("delivered", 170)]


async def test_a_dead_a_slow_and_an_unreadable_one_keep_nobody_waiting(
    sender: Sender, receiving: Callable[..., Receiver], connection: asyncpg.Connection, story: Story
) -> None:
    hold = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(event: dict[str, Any], times: int) -> int:
        asyncio.run_coroutine_threadsafe(hold.wait(), loop).result(SOON)
        return 204

    well, late, broken, dead = receiving(), receiving(slow), receiving(), receiving()
    ids = [await subscribed(connection, each) for each in (well, late, broken, dead)]
    dead.close()
    await connection.execute("update webhook_secret set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) where webhook = $1", ids[2])
    told = await history(story, 10, 3)
    await sender(WEBHOOK_SECONDS="60")
    await until(lambda: first_arrivals(well) == told)
    assert (late.taken, broken.arrived) == ([], 0)
    hold.set()
    await until(lambda: first_arrivals(late) == told)
    end = time.monotonic() + SOON
    while (trouble := await connection.fetchval("select trouble from webhook where id = $1", ids[2])) is None and time.monotonic() < end:
        pass
    assert trouble == "its secret does not open: replace it"
    async with connection.transaction():
        secret = await subscription.rotate(connection, SECRETS, ids[2], overlap=60)
        broken.secrets = [str(await SECRETS.tell(connection, ids[2], secret))]
    await until(lambda: first_arrivals(broken) == told)
    assert await connection.fetchval("select trouble is null and state = 'enabled' from webhook where id = $1", ids[2])
    row = await connection.fetchrow("select state, failures, failing_since from webhook where id = $1", ids[3])
    assert row is not None
    assert (row["state"], row["failures"] > 0) == ("enabled", True)
    assert await connection.fetchval("select count(*) from webhook_delivery where webhook = $1 and state = 'waiting'", ids[3]) == 30, "they wait for it"


async def test_once_a_receiver_takes_something_again_what_waited_for_its_turn_goes_at_once(
    sender: Sender, receiving: Callable[..., Receiver], connection: asyncpg.Connection, story: Story
) -> None:
    away = True
    receiver = receiving(lambda event, times: 503 if away else 204)
    await subscribed(connection, receiver)
    first = await history(story, 2, 1)
    await sender(WEBHOOK_RETRY_SECONDS="600")  # by themselves they would come in five minutes at the earliest
    waiting = "select count(*) from webhook_delivery where attempts = 1 and due_at > clock_timestamp() + interval '4 minutes'"
    end = time.monotonic() + SOON
    while await connection.fetchval(waiting) < 2:
        assert time.monotonic() < end
    away = False
    told = first | await history(story, 1, 1)
    await until(lambda: first_arrivals(receiver) == told)


async def test_what_leaves_is_the_event_as_on_the_topic_sealed_and_what_may_be_plain_stays(
    sender: Sender, receiving: Callable[..., Receiver], connection: asyncpg.Connection, story: Story
) -> None:
    receiver, of_one = receiving(), receiving()
    webhook = await subscribed(connection, receiver, "contact.*")
    customer = await story.person("مریم رضایی")
    poison = story.teller.record("contact.details_changed", '{"name": 7, "language": "راز"}'.encode(), customer, source="contacts")
    plain = story.teller.record("contact.details_changed", '{"name": "مریم"}'.encode(), customer, source="contacts")
    unknown = story.teller.record("contact.teleported", b"{}", customer, source="contacts")
    await story.project([poison, plain, unknown, story.teller.tell(ContactDetailsChanged(language="fa"), customer)])
    await story.call(customer)
    await subscribed(connection, of_one, "*", customer_ids=(customer,), sources=("contacts",))
    other = await story.person()
    await sender()
    await until(lambda: len(receiver.taken) == 3 and len(of_one.taken) == 3)
    assert [event["type"] for event in receiver.taken if event["subject"] == str(customer)] == ["contact.registered", "contact.details_changed"]
    assert {event["type"] for event in of_one.taken} == {"contact.registered", "contact.details_changed", "interaction.recorded"}
    assert str(other) not in {event["subject"] for event in of_one.taken}
    registered = story.teller.told[0]
    event = next(event for event in receiver.taken if event["id"] == str(registered.event_id))
    headers = {name.removeprefix("ce_"): value.decode() for name, value in registered.headers.items() if name.startswith("ce_")}
    assert {name: value for name, value in event.items() if name in headers} == {
        name: value for name, value in headers.items() if name not in ("previous", "dataschema")
    } | {"dataschema": "http://127.0.0.1:8004/schemas/contact.registered/1"}
    assert event["data"]["name"].startswith("s1.") and "مریم" not in str(receiver.taken)
    assert receiver.headers[0]["content-type"] == "application/cloudevents+json"
    rows = await connection.fetch("select event_id::text, reason from webhook_delivery where webhook = $1 and state = 'withheld' order by id", webhook)
    assert [tuple(row) for row in rows] == [
        (str(poison.event_id), "its payload does not fit its schema"),
        (str(plain.event_id), "a personal field is not sealed"),
        (str(unknown.event_id), "this release does not know its type"),
    ]
