"""Is everything that was acknowledged there, once, after a store was put back from a backup that lacks its last events?"""

import time
import uuid
from typing import Any

import httpx2

from chaos.apart import waits
from chaos.broken import Broken
from chaos.ground import Ground, Unfelt
from chaos.scenario import scenario

PARTS_OF = {"contacts": "crm_contacts", "tickets": "crm_tickets", "loyalty": "crm_loyalty"}


@scenario("store-restored", faults=(18,), invariants="I1 I2 I3 I4 I6 I13")
async def store_restored(ground: Ground) -> None:
    """A backup of one store is made under load, more is acknowledged, the store is put back: its tail comes back from Kafka before it takes a command."""
    name = ground.rng.choice(sorted(PARTS_OF))
    database = PARTS_OF[name]
    await ground.kill(name)
    await _administer(ground, "drop database if exists backup with (force)", *_alone(database), f"create database backup template {database}")
    await ground.restart(name)
    await ground.load.more(ground.rng.randint(60, 150))
    asked = await _ask(ground, name, key := uuid.uuid4().hex, body := _body(ground, name))
    assert asked.is_success, asked.text
    ground.load.pause()
    await ground.until(lambda: not ground.history.of("invoke"), "no command is under way")
    await ground.until(lambda: _sent(ground, name), "what was acknowledged is in Kafka")
    await ground.kill(name)
    head = await _head(ground, name)
    await _administer(
        ground, f"drop database {database} with (force)", f"alter database backup rename to {database}", f"alter database {database} owner to {database}"
    )
    lost = head - await _head(ground, name)
    if lost <= 0:
        raise Unfelt("the backup lacks nothing")
    began = time.monotonic()
    ground.load.resume()
    await ground.up()
    await ground.until(lambda: _whole(ground, name, head), "the tail is back and writes are open")
    again = await _ask(ground, name, key, body)
    if (again.headers.get("Idempotency-Replayed"), again.json().get("id")) != ("true", asked.json()["id"]):
        raise Broken("I13", f"{name}: what was acknowledged before the restore and is sent again is done again: {again.status_code} {again.text[:300]}")
    ground.notes["restored"] = f"{name}, {lost} events taken back in {time.monotonic() - began:.1f} s"


def _body(ground: Ground, name: str) -> dict[str, Any]:
    """A command about a stranger, of whom no history knows; the service chooses the id of what it makes."""
    stranger = str(uuid.uuid4())
    return {
        "contacts": {"kind": "person"},
        "tickets": {"customer_id": stranger, "kind": "question", "channel": "web", "priority": "normal", "subject": "?", "text": "?"},
        "loyalty": {"customer_id": stranger, "programme": ground.load.programme},
    }[name]


async def _ask(ground: Ground, name: str, key: str, body: dict[str, Any]) -> httpx2.Response:
    path = {"contacts": "/v1/contacts", "tickets": "/v1/tickets", "loyalty": "/v1/members"}[name]
    return await ground.load.send(name, "POST", path, body, Idempotency_Key=key)


def _alone(database: str) -> tuple[str, ...]:
    return (f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'",)


async def _administer(ground: Ground, *statements: str) -> None:
    async with ground.database("postgres") as postgres:
        for statement in statements:
            await postgres.execute(statement)


async def _head(ground: Ground, name: str) -> int:
    async with ground.database(name) as store:
        return int(await store.fetchval("select coalesce(max(position), 0) from events"))


async def _sent(ground: Ground, name: str) -> bool:
    async with ground.database(name) as store:
        return bool(await store.fetchval("select position = (select max(position) from events) from relay where source = $1", name))


async def _whole(ground: Ground, name: str, head: int) -> bool:
    return await _head(ground, name) >= head and "writes: " not in await waits(ground, name)
