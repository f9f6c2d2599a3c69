"""By which words and identifiers is a customer found, though nothing personal is kept in clear? By keyed hashes, entered here.

The projector holds no keys: it queues (`to_index`), and this worker opens, hashes and enters, under the lock that an erasure takes too: nothing is entered of
anybody who was erased.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import orjson
from crm_events.identifiers import scope
from crm_events.lease import Connection
from crm_events.sealing import open_tree, sealed_key_ids
from crm_events.text import terms
from crm_events.vault import Vault

from crm_reporting.projector import erasure_lock

WORD = "word"
_WAITING = """
select t.source, t.position, t.customer_id::text as customer_id, j.type, j.occurred_at, j.payload
from to_index t join journal j using (source, position) order by t.source, t.position limit $1
"""
_ERASED = "select customer_id::text as id from erased where customer_id = any($1::uuid[])"
_NEWER = "select true from terms where customer_id = $1 and field = $2 and (occurred_at, position) > ($3, $4) limit 1"
_FORGET = "delete from terms where customer_id = $1 and field = $2"
_ENTER = "insert into terms (hash, customer_id, field, occurred_at, position) select h, $2, $3, $4, $5 from unnest($1::bytea[]) h on conflict do nothing"


def term(index_key: bytes, within: str, value: str) -> bytes:
    """The hash under which a normalised value is found: `within` is `WORD` or an identifier's `scope`."""
    return hmac.digest(index_key, f"{within}\0{value}".encode(), hashlib.sha256)


async def index_next(connection: Connection, vault: Vault, index_key: bytes, *, limit: int = 500) -> int:
    """Enter the next events that wait, in one transaction; how many. What can no longer be opened is passed over: its customer is erased."""
    rows = await connection.fetch(_WAITING, limit)
    if not rows:
        return 0
    payloads = [orjson.loads(row["payload"]) for row in rows]
    keys = await vault.keys_for_reading(sealed_key_ids(payloads))
    async with connection.transaction():
        for customer_id in sorted({row["customer_id"] for row in rows}):
            await connection.execute("select pg_advisory_xact_lock($1)", erasure_lock(customer_id))
        erased = {row["id"] for row in await connection.fetch(_ERASED, [row["customer_id"] for row in rows])}
        for row, payload in zip(rows, payloads, strict=True):
            if row["customer_id"] not in erased:
                await _enter(connection, index_key, row, open_tree(payload, keys)[0])
        await connection.execute(
            "delete from to_index where (source, position) in (select * from unnest($1::text[], $2::bigint[]))",
            [row["source"] for row in rows],
            [row["position"] for row in rows],
        )
    return len(rows)


async def _enter(connection: Connection, index_key: bytes, row: asyncpg.Record, told: Mapping[str, Any]) -> None:
    field = "name" if "identifier_id" not in told else f"identifier:{told['identifier_id']}"
    if await connection.fetchval(_NEWER, row["customer_id"], field, row["occurred_at"], row["position"]):
        return  # a late fact
    await connection.execute(_FORGET, row["customer_id"], field)
    hashes = list(_hashes(index_key, row["type"], told))
    await connection.execute(_ENTER, hashes, row["customer_id"], field, row["occurred_at"], row["position"])


def _hashes(index_key: bytes, event_type: str, told: Mapping[str, Any]) -> Iterator[bytes]:
    if event_type == "contact.identifier_added":
        if told["normalised"] is not None:
            yield term(index_key, scope(told["kind"], told.get("system")), told["normalised"])
    elif event_type != "contact.identifier_removed" and told.get("name"):
        yield from (term(index_key, WORD, one) for one in sorted(terms(told["name"])))
