"""Is nothing left of a forgotten customer, in whatever place and spelling, and is everything that is no name still there?"""

import asyncio
import base64
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import backups
import httpx2
import orjson
import pytest
from crm_events.registry import REGISTRY
from crm_events.sealing import unseal
from crm_events.vault import LocalVault
from crm_local.parts import SERVICES, VAULT
from crm_local.stack import Stack
from forgetting.marks import marks
from forgetting.places import Place, analyzed, dumps, files, records
from forgetting.scanning import Needles, needles, scan_files, scan_kept
from forgetting.spellings import blind_indexes, fingerprint, plain_hashes, spellings
from forgetting.story import Story
from front_end import Client
from programs import run

WRITERS = SERVICES[:3]
DATABASES = [service.database for service in (*SERVICES, VAULT)]
FREE = {"uuid", "date-time", "date"}  # formats of JSON Schema that hold no text
WORDS = {"language", "time_zone", "currency", "multiplier", "from", "to"}  # of a closed list or a fixed form each
OF_NOBODY = {("defineCalendar", "/holidays/name"), ("defineCalendar", "/holidays/jalali")}  # texts about no customer
_FACTS = """
select table_name::text as name from information_schema.columns
where table_schema = $1 and column_name = 'recorded_at' and table_name not in ('document', 'purchase')
"""


@dataclass(frozen=True)
class Told:
    """A story that was told to the running stack, and what may be found of it."""

    story: Story
    needles: Needles


@pytest.fixture(scope="module")
def told(backbone: Stack) -> Iterator[Told]:
    around = backbone.up(fresh_ports=True)
    client = Client(_stack_env(backbone))
    story = Story(client, marks(uuid.uuid4().int))
    story.contacts()
    story.tickets()
    story.loyalty()
    story.odd_requests()
    client.view(story.customer, *story.tokens[-1:], *story.tokens[:1])
    backups.take(backbone, *DATABASES)
    key = base64.b64decode(around.ring.index_key)
    hashes = blind_indexes(story.marks, key) | {f"request {sent}": fingerprint(key, *sent) for sent in story.sent}
    hashes |= plain_hashes(story.marks.needles.values()) | plain_hashes(item.normalised for item in story.marks.recognised)
    yield Told(story, needles(story.marks, hashes))
    client.close()


def _stack_env(backbone: Stack) -> dict[str, str]:
    from crm_local import issuing

    chosen = backbone.surroundings().addresses
    return {f"{name.upper()}_URL": chosen.url(name) for name in ("contacts", "tickets", "loyalty", "reporting")} | {"TOKEN": issuing.token(backbone.data_dir)}


async def test_every_personal_field_of_every_event_holds_a_mark(backbone: Stack, told: Told) -> None:
    wanted = {(kind.type, name) for kind in REGISTRY.values() for name in kind.personal}
    marked = {(each.type, each.field) for each in await sealed(backbone, told) if _is_marked(told, each.text)}
    assert wanted - marked == set(), "a personal field that the story does not fill: tell it in forgetting/story.py"


async def test_every_free_text_of_every_request_was_sent(backbone: Stack, told: Told) -> None:
    """A text is free unless it is an id, a time, one of a list, a code of ours (at most 120 signs) or a word of a closed list."""
    sent = {(operation, place) for operation, _, body in told.story.sent for place, text in _placed(body) if _is_marked(told, text)}
    missing = set()
    async with httpx2.AsyncClient() as http:
        for service in WRITERS:
            described = (await http.get(f"{backbone.surroundings().addresses.url(service.name)}/openapi.json")).json()
            missing |= {each for each in _free_texts(described) if each not in sent | OF_NOBODY}
    assert missing == set(), "a free text that the story never sends: tell it in forgetting/story.py, or say in OF_NOBODY that it is about nobody"


def test_the_scan_finds_each_mark_in_each_spelling(told: Told) -> None:
    for name, text in told.story.marks.needles.items():
        for spelled in spellings(text):
            assert [*told.needles.texts_in(Place("planted", b"\x00..." + spelled + b"..."))], (name, spelled)


async def test_the_scan_finds_what_is_planted_in_each_place(backbone: Stack, told: Told) -> None:
    from aiokafka import AIOKafkaProducer

    decoy = marks(uuid.uuid4().int)  # another's, for what lies in a topic stays there
    texts_in, planted = needles(decoy, {}).texts_in, f"planted {decoy.latin}".encode()
    log = backbone.data_dir / "logs" / "planted.log"
    log.write_bytes(planted)
    around = backbone.surroundings()
    connection = await asyncpg.connect(f"{around.server_url.rpartition('/')[0]}/crm_tickets")
    producer = AIOKafkaProducer(bootstrap_servers=around.bootstrap)
    await producer.start()
    try:
        await connection.execute("create table planted (text text)")
        await connection.execute("insert into planted values ($1)", planted.decode())
        await connection.execute("checkpoint")
        await producer.send_and_wait("crm.reference.v1", planted, partition=3)
        assert [hit async for place in dumps(backbone) for hit in texts_in(place)]
        assert [hit async for place in records(backbone) for hit in texts_in(place)]
        rooms = ("logs", "postgres/cluster/pg_wal", "postgres/cluster/base", "kafka/logs/crm.reference.v1-3")
        where = {place.name.rpartition("/")[0] for place in files(backbone, *rooms) for _ in texts_in(place)}
        assert {"logs", "postgres/cluster/pg_wal", "kafka/logs/crm.reference.v1-3"} <= where, where
        assert any(name.startswith("postgres/cluster/base/") for name in where), where
    finally:
        await connection.execute("drop table planted")
        await connection.close()
        await producer.stop()
        log.unlink()


async def test_nothing_of_a_forgotten_customer_is_left_but_her_figures(backbone: Stack, told: Told) -> None:
    client, customers = told.story.client, [told.story.customer, told.story.twin]
    assert await readable(backbone, told) > 20, "readable before"
    assert await indexed(backbone, told), "found by her name before"
    before = await facts(backbone, customers)
    figures = await kpis(client)
    await analyzed(backbone)
    ask = client.post("contacts", "/v1/privacy/erasures", {"customer_id": told.story.customer})
    until_erased(client, ask)

    assert [hit async for hit in scan_kept(backbone, told.needles)] == []
    assert await readable(backbone, told) == 0, "no text of hers can be opened by whoever has everything the stack has"
    assert await facts(backbone, customers) == before
    assert await kpis(client) == figures
    assert client.get("loyalty", f"/v1/members/{told.story.member}/points")["available"] == 72

    rebuilt = run(backbone, "reporting", "rebuild")
    assert rebuilt.returncode == 0 and "is active" in rebuilt.stdout, rebuilt.stdout + rebuilt.stderr
    assert [hit async for hit in scan_kept(backbone, told.needles)] == []
    assert list(scan_files(backbone, told.needles)) == []
    assert await facts(backbone, customers) == before
    assert client.send("reporting", "GET", f"/v1/customers/{told.story.twin}").status_code == 410


async def test_t36_backups_from_before_the_erasure_bring_nothing_back(backbone: Stack, told: Told) -> None:
    """The vault's, the stores' and the read model's, all at once: the erasure is in the topic, and is done again."""
    client, customers = told.story.client, [told.story.customer, told.story.twin]
    ask = client.post("contacts", "/v1/privacy/erasures", {"customer_id": told.story.customer})  # the same one, if it is erased already
    until_erased(client, ask)
    before = await facts(backbone, customers)
    await asyncio.to_thread(backups.put_back, backbone, *DATABASES)

    async with asyncio.timeout(150):  # the eraser begins before the store has its tail, and looks at the keys of all who were erased every minute
        while await readable(backbone, told) or await indexed(backbone, told) or await shown(client, told):
            await asyncio.sleep(1)
    await analyzed(backbone)
    assert [hit async for hit in scan_kept(backbone, told.needles)] == []
    assert list(scan_files(backbone, told.needles)) == []
    assert client.get("contacts", f"/v1/privacy/erasures/{ask.json()['id']}")["state"] == "erased"
    assert await facts(backbone, customers) == before


async def shown(client: Client, told: Told) -> bool:
    """Does any service still show her?"""
    asked = (("contacts", f"/v1/contacts/{told.story.twin}"), ("reporting", f"/v1/customers/{told.story.twin}"))
    return any(client.send(service, "GET", path).status_code != 410 for service, path in asked)


def until_erased(client: Client, ask: httpx2.Response) -> None:
    began = time.monotonic()
    while client.get("contacts", f"/v1/privacy/erasures/{ask.json()['id']}")["state"] != "erased":
        assert time.monotonic() < began + 60
        time.sleep(0.2)
    gone = client.send("reporting", "GET", f"/v1/customers/{ask.json()['customer_id']}", Consistency_Token=ask.headers["Consistency-Token"], Prefer="wait=10")
    assert gone.status_code == 410


async def readable(backbone: Stack, told: Told) -> int:
    return sum(each.text is not None for each in await sealed(backbone, told))


async def indexed(backbone: Stack, told: Told) -> list[str]:
    return [hit async for place in dumps(backbone) for hit in told.needles.hashes_in(place, raw=False)]


async def facts(backbone: Stack, customers: list[str]) -> dict[str, list[str]]:
    """What the figures are made of: every fact row of these customers, by table."""
    connection = await asyncpg.connect(backbone.surroundings().database_url("reporting"))
    try:
        build = await connection.fetchval("select build from builds where state = 'active'")
        tables = await connection.fetch(_FACTS, build)
        assert len(tables) > 8
        query = "select f::text as row from {}.{} f where customer_id = any($1::uuid[]) order by 1"
        found = {row["name"]: [each["row"] for each in await connection.fetch(query.format(build, row["name"]), customers)] for row in tables}
        assert sum(map(len, found.values())) > 15
        return found
    finally:
        await connection.close()


async def kpis(client: Client) -> dict[str, Any]:
    """All figures over a period that has ended, as text: value, counts and groups."""
    until = "2100-01-01T00:00:00Z"
    names = [item["name"] for item in client.get("reporting", "/v1/kpis?limit=100")["items"]]
    told = {name: client.get("reporting", f"/v1/kpis/{name}?from=2020-01-01T00:00:00Z&to={until}") for name in names}
    return {name: {part: value for part, value in figure.items() if part != "as_of"} for name, figure in told.items()}


@dataclass(frozen=True)
class Sealed:
    type: str
    field: str
    sealed: str
    text: str | None


def _is_marked(told: Told, text: str | None) -> bool:
    return text is not None and any(needle in text for needle in told.story.marks.needles.values())


def _placed(body: Any, place: str = "") -> Iterator[tuple[str, str]]:
    match body:
        case str():
            yield place, body
        case dict():
            for name, item in body.items():
                yield from _placed(item, f"{place}/{name}")
        case list():
            for item in body:
                yield from _placed(item, place)


def _free_texts(described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    schemas = described["components"]["schemas"]

    def walk(schema: dict[str, Any], place: str) -> Iterator[str]:
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            yield from walk(option, place)
        for name, inner in schema.get("properties", {}).items():
            yield from walk(inner, f"{place}/{name}")
        if "items" in schema:
            yield from walk(schema["items"], place)
        if isinstance(schema.get("additionalProperties"), dict):
            yield from walk(schema["additionalProperties"], place)
        closed = "enum" in schema or "const" in schema or schema.get("format") in FREE or schema.get("maxLength") == 120
        if schema.get("type") == "string" and not closed and place.rpartition("/")[2] not in WORDS:
            yield place

    for methods in described["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content and operation["operationId"] != "lookupContacts":
                for place in walk(content["schema"], ""):
                    yield operation["operationId"], place


async def sealed(backbone: Stack, told: Told) -> list[Sealed]:
    """Every sealed text of hers in the three stores, opened if the vault still can."""
    around, found = backbone.surroundings(), list[tuple[str, str, str]]()
    for service in WRITERS:
        connection = await asyncpg.connect(around.database_url(service.name))
        rows = await connection.fetch("select type, payload from events where customer_id = any($1::uuid[])", [told.story.customer, told.story.twin])
        await connection.close()
        found += [
            (row["type"], name, text) for row in rows for name, text in orjson.loads(row["payload"]).items() if isinstance(text, str) and text.startswith("s1.")
        ]
    async with asyncpg.create_pool(around.database_url("vault"), min_size=1, max_size=1) as pool:
        keys = await LocalVault(pool, base64.b64decode(around.ring.master_key)).keys_for_reading({uuid.UUID(text.split(".")[1]) for _, _, text in found})
    return [Sealed(type_, name, text, unseal(text, keys)) for type_, name, text in found]
