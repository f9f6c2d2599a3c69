"""Do the samples of docs/consuming.md, run as they stand there, see the same events as everybody else while services are written to?"""

import asyncio
import json
import os
import re
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from crm_events.topics import FEED, SOURCES
from front_end import Client
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "consuming.md").read_text()
NODE = ROOT / "deploy" / "node" / "node_modules"
SOON = 120.0
FEED_READER = """
import { Consumer, stringDeserializers } from '@platformatic/kafka'
const [topic, level] = process.argv.slice(2)
const bootstrapBrokers = [process.env.KAFKA_BOOTSTRAP_SERVERS]
const consumer = new Consumer({ clientId: 'f', groupId: `f-${topic}-${level}`, bootstrapBrokers, deserializers: stringDeserializers })
const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, isolationLevel: Number(level) })
for await (const { key, value, headers } of stream) {
  console.log(JSON.stringify({ key, value: value ? JSON.parse(value) : null, schema: headers.get('ce_dataschema') }))
}
"""


def sample(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a stranger has installed the Kafka client, and nothing of ours."""
    (tmp_path / "node_modules").symlink_to(NODE)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    return tmp_path


class Program:
    """A subscriber's program that runs until the test has seen enough of what it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.lines = process, list[str]()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *program: str | Path, folder: Path, stack: Mapping[str, str]) -> "Program":
        known = {**os.environ, **stack, "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(*map(str, program), cwd=folder, env=known, stdout=pipe, stderr=pipe, limit=2**20, start_new_session=True)
        )

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode().rstrip("\n"))

    async def until(self, seen: Any) -> None:
        async with asyncio.timeout(SOON):
            while not seen(self.lines):
                assert not self._reading.done(), (await self.process.stderr.read()).decode()[-2000:]  # type: ignore[union-attr]
                await asyncio.sleep(0.05)

    async def end(self) -> None:
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # node is a child of the program that finds it
        await self._reading
        assert self.process.stderr is not None
        await self.process.stderr.read()
        await self.process.wait()


class Desk:
    """Opens and works on tickets of some customers from several threads, for as long as it is told to."""

    def __init__(self, stack: Mapping[str, str]) -> None:
        self._stack, self._stop, self.opened = stack, threading.Event(), list[str]()
        self._threads = [threading.Thread(target=self._work) for _ in range(3)]

    def __enter__(self) -> "Desk":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        client = Client(dict(self._stack))
        customer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "سمیرا نوری"}).json()["id"]
        while not self._stop.is_set():
            told = {"customer_id": customer, "kind": "question", "channel": "web", "subject": "کجاست؟", "text": "نرسید.", "priority": "low"}
            ticket = client.post("tickets", "/v1/tickets", told).json()["id"]
            answer = {"author": {"kind": "agent", "id": "agent-7"}, "visibility": "public", "channel": "web", "text": "در راه است"}
            client.post("tickets", f"/v1/tickets/{ticket}/messages", answer)
            client.put("tickets", f"/v1/tickets/{ticket}/category", {"category": "delivery"})
            self.opened.append(ticket)
        client.close()


def register(stack: Mapping[str, str], name: str) -> str:
    client = Client(stack)
    made: str = client.post("contacts", "/v1/contacts", {"kind": "person", "name": name}).json()["id"]
    client.close()
    return made


def journal(stack: Mapping[str, str], **asked: str) -> Iterator[dict[str, Any]]:
    """What reporting says was told, from the start to its end."""
    after, headers = 0, {"Authorization": f"Bearer {stack['TOKEN']}"}
    while True:
        answer = httpx2.get(f"{stack['REPORTING_URL']}/v1/events", params={"after": str(after), "limit": "1000", **asked}, headers=headers, timeout=60)
        yield from map(json.loads, answer.raise_for_status().text.splitlines())
        after = int(answer.headers["Next-After"])
        if after == int(answer.headers["Journal-End"]):
            return


async def everything(stack: Mapping[str, str], tickets: list[str]) -> list[dict[str, Any]]:
    """All events of tickets, once the last of what was done is in the journal."""
    async with asyncio.timeout(SOON):
        while True:
            told = await asyncio.to_thread(lambda: list(journal(stack, source="tickets")))
            if {event["streamid"] for event in told if event["type"] == "ticket.categorised"} >= set(tickets):
                return told
            await asyncio.sleep(0.2)


async def test_t38_python_node_and_http_see_the_same_events_in_each_customers_order_while_others_write(stack: dict[str, str], folder: Path) -> None:
    (folder / "sample.py").write_text(sample("python").replace("localhost:19092", stack["KAFKA_BOOTSTRAP_SERVERS"]))
    (folder / "sample.mjs").write_text(sample("js").replace("groupId: 'warehouse'", f"groupId: '{uuid.uuid4()}'"))
    crm = Path(sys.executable).with_name("crm")
    with Desk(stack) as desk:
        while len(desk.opened) < 6:  # there is something to replay
            await asyncio.sleep(0.02)
        python = await Program.start(sys.executable, "sample.py", folder=folder, stack=stack)
        node = await Program.start("node", "sample.mjs", folder=folder, stack=stack)
        tail = await Program.start(crm, "tail", "--source", "tickets", "--after", "0", "--json", folder=folder, stack=stack)
        try:
            await python.until(lambda lines: any(" True " in line for line in lines))
            await node.until(len)
            await tail.until(len)
            behind = len(desk.opened)
            await python.until(lambda _: len(desk.opened) > behind + 6)
        except BaseException:
            await asyncio.gather(python.end(), node.end(), tail.end())
            raise
    told = await everything(stack, desk.opened)
    wanted = len(told)
    try:
        await asyncio.gather(*(each.until(lambda lines: len(lines) >= wanted) for each in (python, node, tail)))
    finally:
        await asyncio.gather(python.end(), node.end(), tail.end())

    seen = {
        "python": [line.split(" ")[0] for line in python.lines],
        "node": [json.loads(line)["id"] for line in node.lines],
        "tail": [json.loads(line)["id"] for line in tail.lines],
    }
    customer = {event["id"]: event["partitionkey"] for event in told}
    for who, ids in seen.items():
        assert len(ids) == len(set(ids)) == wanted, who
        assert by_customer(ids, customer) == by_customer([event["id"] for event in told], customer), who
    lives = [line.split(" ")[1] for line in python.lines]
    assert {"True", "False"} == set(lives), "it saw the replay and what came after it"
    plain = [json.loads(line)["data"] for line in node.lines if json.loads(line)["type"] == "ticket.opened"]
    assert plain and all(data["text"].startswith("s1.") for data in plain), "on the topic personal fields are sealed"
    opened = [json.loads(line)["data"]["text"] for line in tail.lines if json.loads(line)["type"] == "ticket.opened"]
    assert "نرسید." in opened


def by_customer(ids: list[str], customer: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in ids:
        found.setdefault(customer[each], []).append(each)
    return found


async def test_a_plain_client_sees_what_was_given_up_unless_it_reads_committed_records_alone(stack: dict[str, str], folder: Path) -> None:
    bootstrap, topic = stack["KAFKA_BOOTSTRAP_SERVERS"], f"given-up-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic, compression_type="lz4")
    await producer.start()
    for given_up, told in ((False, b"1"), (True, b"2"), (False, b"3")):
        await producer.begin_transaction()
        await producer.send_and_wait(topic, told, key=b"k")
        await (producer.abort_transaction() if given_up else producer.commit_transaction())
    await producer.stop()
    (folder / "reader.mjs").write_text(FEED_READER)
    seen = {}
    for level in ("1", "0"):
        reader = await Program.start("node", "reader.mjs", topic, level, folder=folder, stack=stack)
        await reader.until(lambda lines: any('"value":3' in line for line in lines))
        await reader.end()
        seen[level] = [json.loads(line)["value"] for line in reader.lines]
    await admin.delete_topics([topic])
    await admin.close()
    assert seen == {"1": [1, 3], "0": [1, 2, 3]}


async def test_the_feed_is_as_its_schema_says_and_the_schema_is_where_the_feed_says(stack: dict[str, str], folder: Path) -> None:
    customer = register(stack, "سمیرا نوری")
    (folder / "reader.mjs").write_text(FEED_READER)
    reader = await Program.start("node", "reader.mjs", FEED, "1", folder=folder, stack=stack)
    await reader.until(lambda lines: any(customer in line for line in lines))
    await reader.end()
    told = [json.loads(line) for line in reader.lines]
    (schema,) = {each["schema"] for each in told if each["key"] == customer and each["schema"]}
    validator = Draft202012Validator(httpx2.get(schema).raise_for_status().json(), format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for each in told if each["value"] for error in validator.iter_errors(each["value"])] == []
    mine = next(each["value"] for each in told if each["key"] == customer)
    assert mine["view"]["profile"]["name"].startswith("s1.")


def test_the_schema_of_every_event_is_served_where_its_dataschema_says(stack: dict[str, str]) -> None:
    """Of every type that this stack ever told, by the address in the record itself."""
    register(stack, "نشانی")
    asked = {event["dataschema"]: event["type"] for event in journal(stack)}
    for address, type_ in asked.items():
        assert httpx2.get(address).raise_for_status().json()["title"] == type_
    assert asked and set(SOURCES) == {"contacts", "tickets", "loyalty", "reporting"}
