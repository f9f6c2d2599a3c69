"""Does anything of a person come out where it must not: in a log, a metric, a trace, a refusal, or in clear on Kafka, whatever is sent wherever?

The story of the documents' examples, in which every operation of every service succeeds, is told with marked words in each personal field. Then each request of
it is sent again in the ways clients get it wrong, with the marks wherever a client can put text.
"""

import json
import re
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from collector import Collector
from crm_contract.places import SERVICES
from crm_contract.sending import Told, send
from crm_contract.step import Step
from crm_contract.story import STORY
from crm_events.topics import SOURCES
from crm_local.parts import PARTS
from crm_local.stack import Stack
from marked import EMAIL, MARKS, NAME, PHONE, TEXT, WORD, found_in, marked

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NAMED = ("tehran-office", "tea-delivery", "tea-delivery-late", "A-1009", "A-1011", "F-1009", "F-1010", "GT-100", "CLUB-20031")
TOPICS = (*SOURCES.values(), "crm.customers.v1")
# Words of no person: chosen from a list, a thing's name, or a code by which figures are grouped.
_REASONED = (
    "adjustPoints", "startRebuild", "recordReturn", "cancelRedemption", "redactEvent", "recordOutreachResult", "loseOpportunity", "suspendMember",
    "resumeMember", "closeMember", "blockPoints", "unblockPoints", "overrideTier", "revokeEntitlement", "writeOffInvoice", "declineOffer", "cancelReward",
    "refuseExport",
)  # fmt: skip
SPARED = {"publishProgramme": {"name"}, "defineCalendar": {"name"}, "createOffer": {"name"}} | {operation: {"reason"} for operation in _REASONED}
EVERYWHERE = f"{WORD} {NAME} 0{PHONE} {EMAIL}@leak.example"
SHAPED = f"0{PHONE}"  # what passes for an id, an address or a header


@dataclass
class Teller:
    """Tells the story, and then gets it wrong. `refused`: what was answered then; `statuses`: how often."""

    clients: Mapping[str, httpx2.Client]
    documents: Mapping[str, Any]
    trace: str = field(default_factory=lambda: secrets.token_hex(16))
    answers: dict[str, Told] = field(default_factory=dict)
    refused: list[bytes] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def tell(self, step: Step) -> int:
        """One step, as a good client sends it."""
        tokens = [self.answers[each].headers.get("Consistency-Token") for each in step.awaits]
        header = dict(step.header) | self._headers() | ({"Consistency-Token": ",".join(filter(None, tokens))} if any(tokens) else {})
        asked = {"operation": step.operation, "path": self._path(step), "query": dict(step.query), "header": header, "body": _told(step)}
        told = send(self.clients[step.service], self.documents[step.service], asked)
        self.answers[f"{step.service}.{step.operation}.{step.name}"] = told
        return told.status

    def mistake(self, step: Step) -> None:
        """One step in each of the ways in which a client gets it wrong."""
        method, template, operation = next(
            (method.upper(), path, each)
            for path, item in self.documents[step.service]["paths"].items()
            for method, each in item.items()
            if each["operationId"] == step.operation
        )
        right = template.format(**{name: quote(str(value), safe="") for name, value in self._path(step).items()})
        body = orjson.dumps(_told(step)) if step.body is not None and not isinstance(step.body, str) else b"{}"
        json_ = {"Content-Type": "application/json"}
        asked = {each["name"]: EVERYWHERE for each in operation.get("parameters", ()) if each["in"] == "query"} | {"q": EVERYWHERE, "phone": SHAPED}
        odd = dict.fromkeys(("If-Match", "If-None-Match", "Last-Event-ID", "Consistency-Token", "Request-Id", "User-Agent", "X-Customer", "Prefer"), SHAPED)
        odd |= {"tracestate": f"crm={SHAPED}", "baggage": f"name={NAME}", "Cookie": f"name={NAME}", "Referer": f"https://desk.example/?phone={SHAPED}"}
        self._send(step, method, template.format(**dict.fromkeys(re.findall(r"\{(\w+)\}", template), quote(EVERYWHERE))), {}, body, json_)
        self._send(step, method, template.format(**dict.fromkeys(re.findall(r"\{(\w+)\}", template), SHAPED)), asked, body, json_)
        self._send(step, method, right, asked, body, json_ | odd)
        self._send(step, method, right, {}, body, json_ | {"Idempotency-Key": f"{NAME} {SHAPED}"})
        self._send(step, method, right, {}, body, json_ | {"Authorization": f"Bearer {NAME}.{SHAPED}.{EMAIL}"})
        if step.body is None:
            return
        wrong = b"{}" if isinstance(step.body, str) else orjson.dumps(marked(step.body, everywhere=True) | {"extra": TEXT})  # never accepted
        self._send(step, method, right, {}, wrong, json_)
        self._send(step, method, right, {}, orjson.dumps({TEXT: TEXT, "name": {"first": TEXT}, "identifiers": [TEXT]}), json_)
        self._send(step, method, right, {}, b'{"name": "' + TEXT.encode() + b'", ', json_)
        self._send(step, method, right, {}, b'{"name": "' + TEXT.encode("utf-16") + b'"}', json_)
        self._send(step, method, right, {}, f"name={TEXT}".encode(), {"Content-Type": f"text/{NAME.lower()}"})

    def bulk(self, service: str) -> None:
        """Lines that are no commands, or wrong ones."""
        lines = [
            TEXT,
            f'{{"operation": "{TEXT}", "key": "{SHAPED}", "body": {{}}}}',
            f'{{"operation": "addNote", "path": {{"contact_id": "{TEXT}"}}, "{NAME}": 1}}',
        ]
        self._send(STORY[0], "POST", "/v1/commands", {}, "\n".join(lines).encode(), {"Content-Type": "application/x-ndjson"}, service=service)

    def _send(self, step: Step, method: str, path: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str], service: str = "") -> None:
        told = {name: value.encode() for name, value in (self._headers() | dict(headers)).items()}
        request = self.clients[service or step.service].build_request(
            method, path, params=query or None, content=None if method == "GET" else body, headers=told
        )
        answer = self.clients[service or step.service].send(request, stream=True)
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        if answer.headers.get("Content-Type", "").startswith("application/problem+json"):
            problem = orjson.loads(answer.read())
            for error in problem.get("errors", ()):
                error.pop("pointer", None)  # the names of the client's own fields
            self.refused.append(orjson.dumps(problem | {"instance": None, "was": f"{method} {step.operation}"}))  # `instance` is the client's own path
        answer.close()

    def _headers(self) -> dict[str, str]:
        return {"traceparent": f"00-{self.trace}-{secrets.token_hex(8)}-01", "Idempotency-Key": uuid.uuid4().hex}

    def _path(self, step: Step) -> dict[str, Any]:
        return {name: self._earlier(str(value)) for name, value in step.path.items()}

    def _earlier(self, text: str) -> str:
        named = re.fullmatch(r"\{(\w+\.\w+)\.id\}", text)
        return self.answers[f"{_service(named[1])}.{named[1]}"].body.get("id", named[1]) if named else text


def _service(operation_and_name: str) -> str:
    return next(step.service for step in STORY if f"{step.operation}.{step.name}" == operation_and_name)


def _told(step: Step) -> Any:
    body = step.body
    if not isinstance(body, str):
        return marked(body, spare=SPARED.get(step.operation, ()))
    lines = [orjson.loads(line) for line in body.splitlines()]
    return "".join(orjson.dumps(line | {"key": uuid.uuid4().hex, "body": marked(line.get("body"))}).decode() + "\n" for line in lines)


def afresh(step: Step) -> Step:
    """The step of a story that nobody has told here before: other ids, other names."""
    text = json.dumps([dict(step.path), dict(step.query), step.body], ensure_ascii=False)
    text = UUID.sub(lambda found: str(uuid.uuid5(RUN, found[0])), text)
    for name in NAMED:
        text = text.replace(f'"{name}"', f'"{name}-{RUN.hex[:6]}"')
    path, query, body = json.loads(text)
    return Step(step.service, step.operation, step.name, step.summary, step.status, path, query, step.header, body, step.awaits)


RUN = uuid.uuid4()


@pytest.fixture
def teller(stack: dict[str, str]) -> Iterator[Teller]:
    bearer = {"Authorization": f"Bearer {stack['TOKEN']}"}
    made = {name: httpx2.Client(base_url=stack[f"{name.upper()}_URL"], headers=bearer, timeout=60, trust_env=False) for name in SERVICES}
    yield Teller(made, {name: client.get("/openapi.json").json() for name, client in made.items()})
    for each in made.values():
        each.close()


async def test_marked_words_sent_everywhere_come_out_nowhere(teller: Teller, backbone: Stack, stack: dict[str, str], collector: Collector) -> None:
    story = [afresh(step) for step in STORY]
    not_as_told = [f"{step.operation} {step.name}: {status}, not {step.status}" for step in story if (status := teller.tell(step)) != step.status]
    assert not_as_told == []
    for step in {(step.service, step.operation): step for step in story}.values():
        teller.mistake(step)
    for service in SERVICES:
        teller.bulk(service)
    assert {200, 400, 401, 404, 409, 415, 422} <= set(teller.statuses) and max(teller.statuses) < 500, teller.statuses

    at_last = Teller(teller.clients, teller.documents)
    at_last.tell(next(step for step in story if step.operation == "getContact"))
    collector.until(bool, at_last.trace)
    leaks = [f"a refusal: {hit}" for answer in teller.refused for hit in found_in(answer)]
    for path in printed(backbone):
        leaks += [f"{path.name}: {hit}" for hit in found_in(path.read_bytes())]
    for part, text in measured(backbone).items():
        leaks += [f"metrics of {part}: {hit}" for hit in found_in(text)]
    for request in list(collector.requests):
        leaks += [f"a trace: {hit}" for hit in found_in(request.SerializeToString())]
    clear, sealed = await on_kafka(stack["KAFKA_BOOTSTRAP_SERVERS"])
    leaks += [f"Kafka: {hit}" for hit in found_in(clear)]
    assert leaks == []

    # The search itself: it looked where things are, and knows its marks when it meets them.
    assert len(teller.refused) > 300 and len(collector.spans(teller.trace)) > 500 and sealed > 20
    assert all(found_in(f"… {mark} …".encode()) for mark in MARKS) and found_in(json.dumps(TEXT).encode()) and found_in(quote(TEXT).encode())


def test_every_line_of_every_process_is_json_that_says_when_who_and_what(backbone: Stack, stack: dict[str, str]) -> None:
    lines = [line for part in PARTS for line in (backbone.data_dir / "logs" / f"{part.name}.log").read_text().splitlines()]
    assert lines
    for line in lines:
        assert {"at", "level", "logger", "service", "event"} <= orjson.loads(line).keys(), line
    assert stack["TOKEN"].rpartition(".")[2] not in "".join(lines)


def printed(backbone: Stack) -> list[Path]:
    """What the processes, and the servers they stand on, have printed."""
    found = [*(backbone.data_dir / "logs").glob("*.log"), backbone.data_dir / "postgres" / "postgres.log", backbone.data_dir / "kafka" / "kafka.log"]
    assert {path.stem for path in found} >= {part.name for part in PARTS}
    return found


def measured(backbone: Stack) -> dict[str, bytes]:
    """`/metrics` of each process, and what it says of its health."""
    ports = backbone.surroundings().addresses.ports
    with httpx2.Client(timeout=60, trust_env=False) as http:
        found = {part.name: b"".join(http.get(f"http://127.0.0.1:{ports[part.name]}{path}").content for path in ("/metrics", "/readyz")) for part in PARTS}
    assert all(b"build_info" in text for text in found.values())
    return found


async def on_kafka(bootstrap: str) -> tuple[bytes, int]:
    """All keys and headers, and the values of what is about a customer; how many sealed fields these have."""
    clear, sealed = list[bytes](), 0
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = [TopicPartition(topic, number) for topic in TOPICS for number in consumer.partitions_for_topic(topic) or await _numbers(consumer, topic)]
        consumer.assign(parts)
        ends, until = await consumer.end_offsets(parts), time.monotonic() + 60
        while any([await consumer.position(tp) < ends[tp] for tp in parts]):
            assert time.monotonic() < until
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    clear += [record.key or b"", *(f"{name}: ".encode() + value for name, value in record.headers)]
                    if "ce_subject" in dict(record.headers):  # others define what the company does, and hold nobody's data
                        clear.append(record.value or b"")
                    sealed += (record.value or b"").count(b'"s1.')
    finally:
        await consumer.stop()
    return b"\n".join(clear), sealed


async def _numbers(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()
    return consumer.partitions_for_topic(topic) or set()
