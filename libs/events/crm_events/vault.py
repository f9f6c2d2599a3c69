"""Where do the customers' keys live? Behind four calls: keys for writing, keys for reading, redact, destroy.

`LocalVault` keeps them in a PostgreSQL database of its own, wrapped by a master key from the environment; elsewhere a KMS stands here.
Calls made during one round trip form the next; keys are cached for `TTL`, so a destroyed key is dead everywhere after that time.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID, uuid4

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from prometheus_client import CollectorRegistry

from crm_events.metrics import VaultMetrics
from crm_events.refusals import Gone
from crm_events.sealing import Opener

SESSION = {"jit": "off", "enable_seqscan": "off"}  # for the pool's connections: a plan made while there are few keys would scan many
TTL = 5.0  # seconds a key may be used after it was last seen alive

SCHEMA = """
create table if not exists subject_key (
  subject uuid primary key,
  key_id uuid not null unique,
  wrapped bytea,
  created_at timestamptz not null default now(),
  destroyed_at timestamptz,
  check ((wrapped is null) = (destroyed_at is not null))
);
create table if not exists redacted_event (
  subject uuid not null,
  event_id uuid not null,
  redacted_at timestamptz not null default now(),
  primary key (subject, event_id)
);
"""

_KEYS = """
select subject, key_id, wrapped, array(select r.event_id from redacted_event r where r.subject = k.subject) as shut
from subject_key k where {column} = any($1::uuid[])
"""
_REDACT = "insert into redacted_event (subject, event_id) select * from unnest($1::uuid[], $2::uuid[]) on conflict do nothing"


@dataclass(frozen=True, slots=True)
class Key:
    """A customer's key, ready for use."""

    id: UUID
    cipher: AESGCM
    shut: frozenset[UUID] = frozenset()
    subject: UUID | None = None


@dataclass(frozen=True, slots=True)
class Destroyed:
    """A customer's key is no more, since `at` by the vault's clock; none can be made again."""

    subject: UUID
    key_id: UUID
    at: datetime


class Vault(Protocol):
    """The port. Implementations raise OSError or asyncpg's connection errors when away: writes then fail closed."""

    async def keys_for_writing(self, subjects: Iterable[UUID]) -> Mapping[UUID, Key]:
        """A key for each subject, made if there is none. Gone, if one was destroyed."""

    async def keys_for_reading(self, key_ids: Iterable[UUID]) -> Mapping[UUID, Opener]:
        """The keys that still exist, by key id, each with the events it opens no more."""

    async def redact(self, events: Iterable[tuple[UUID, UUID]]) -> None:
        """From now on open nothing that was sealed for these (subject, event id), for ever. Repeatable; others hear of it within `TTL`."""

    async def destroy(self, subjects: Iterable[UUID]) -> list[Destroyed]:
        """Destroy the subjects' keys, and forbid new ones, also for a subject that never had one. Repeatable."""


A = TypeVar("A")
B = TypeVar("B")


class _Gathering(Generic[A, B]):
    """Look-ups that arrive while one is under way share the next round trip; answers live for `TTL` in memory, at most `size` of them."""

    def __init__(self, ask: Callable[[list[A]], Awaitable[Mapping[A, B]]], size: int = 50_000) -> None:
        self._ask, self._size = ask, size
        self._seen: dict[A, tuple[float, B | None]] = {}
        self._wanted: dict[A, list[asyncio.Future[Mapping[A, B]]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, names: Iterable[A]) -> dict[A, B]:
        found: dict[A, B] = {}
        missing: list[A] = []
        now = time.monotonic()
        for name in set(names):
            until, value = self._seen.get(name, (0.0, None))
            if until < now:
                missing.append(name)
            elif value is not None:
                found[name] = value
        if missing:
            waiter: asyncio.Future[Mapping[A, B]] = asyncio.get_running_loop().create_future()
            for name in missing:
                self._wanted.setdefault(name, []).append(waiter)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run())
            answer = await waiter
            found |= {name: answer[name] for name in missing if name in answer}
        return found

    async def _run(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            waiters = {waiter for each in wanted.values() for waiter in each if not waiter.done()}
            asked = time.monotonic()  # a key is good for TTL from before the question: a destruction while it was under way is not overslept
            try:
                answer = await self._ask(list(wanted))
            except Exception as error:  # noqa: BLE001  handed to everyone who waited for this round trip
                for waiter in waiters:
                    if not waiter.done():  # the client may have hung up; the others must hear of it all the same
                        waiter.set_exception(error)
                continue
            if len(self._seen) + len(wanted) > self._size:
                self._seen.clear()
            for name in wanted:
                self._seen[name] = (asked + TTL, answer.get(name))
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(answer)

    def forget(self, names: Iterable[A]) -> None:
        for name in names:
            self._seen.pop(name, None)


class LocalVault:
    """Keys in PostgreSQL, wrapped with AES-256-GCM by `master_key` (32 bytes)."""

    def __init__(self, pool: asyncpg.Pool, master_key: bytes, registry: CollectorRegistry | None = None) -> None:
        self._pool, self._master = pool, AESGCM(master_key)
        self._metrics = VaultMetrics(registry or CollectorRegistry())
        self._writing: _Gathering[UUID, Key] = _Gathering(self._make)
        self._reading: _Gathering[UUID, Opener] = _Gathering(self._find)

    async def keys_for_writing(self, subjects: Iterable[UUID]) -> Mapping[UUID, Key]:
        wanted = set(subjects)
        keys = await self._writing.get(wanted)
        if len(keys) < len(wanted):
            raise Gone("This customer was erased; nothing personal can be stored about them.")
        return keys

    async def keys_for_reading(self, key_ids: Iterable[UUID]) -> Mapping[UUID, Opener]:
        return await self._reading.get(key_ids)

    async def redact(self, events: Iterable[tuple[UUID, UUID]]) -> None:
        wanted = sorted(set(events))
        subjects = [subject for subject, _ in wanted]
        await self._pool.execute(_REDACT, subjects, [event_id for _, event_id in wanted])
        self._reading.forget(row["key_id"] for row in await self._pool.fetch("select key_id from subject_key where subject = any($1::uuid[])", subjects))

    async def destroy(self, subjects: Iterable[UUID]) -> list[Destroyed]:
        wanted = sorted(set(subjects))
        rows = await self._pool.fetch(
            "insert into subject_key (subject, key_id, wrapped, destroyed_at) select s, k, null, now() from unnest($1::uuid[], $2::uuid[]) n(s, k) "
            "on conflict (subject) do update set wrapped = null, destroyed_at = coalesce(subject_key.destroyed_at, now()) "
            "returning subject, key_id, destroyed_at",
            wanted,
            [uuid4() for _ in wanted],
        )
        self._writing.forget(wanted)
        self._reading.forget(row["key_id"] for row in rows)
        return [Destroyed(row["subject"], row["key_id"], row["destroyed_at"]) for row in rows]

    async def _make(self, subjects: list[UUID]) -> Mapping[UUID, Key]:
        with self._metrics.trip("writing"):
            return await self._known_or_made(subjects)

    async def _known_or_made(self, subjects: list[UUID]) -> Mapping[UUID, Key]:
        known = await self._select("subject", subjects)
        missing = sorted(set(subjects) - known.keys())  # sorted: two processes that make the same keys wait for, never deadlock, each other
        if missing:
            fresh = [(subject, uuid4(), AESGCM.generate_key(256)) for subject in missing]
            await self._pool.execute(
                "insert into subject_key (subject, key_id, wrapped) select * from unnest($1::uuid[], $2::uuid[], $3::bytea[]) on conflict (subject) do nothing",
                missing,
                [key_id for _, key_id, _ in fresh],
                [self._wrap(key_id, key) for _, key_id, key in fresh],
            )
            known |= await self._select("subject", missing)  # another process may have been first: its key counts
        return {subject: key for subject, key in known.items() if key is not None}

    async def _find(self, key_ids: list[UUID]) -> Mapping[UUID, Opener]:
        with self._metrics.trip("reading"):
            found = await self._select("key_id", key_ids)
        return {key_id: Opener(key.cipher, key.shut, key.subject) for key_id, key in found.items() if key is not None}

    async def _select(self, column: str, names: list[UUID]) -> dict[UUID, Key | None]:
        rows = await self._pool.fetch(_KEYS.format(column=column), names)
        return {row[column]: self._key(row) if row["wrapped"] else None for row in rows}

    def _key(self, row: asyncpg.Record) -> Key:
        return Key(row["key_id"], self._unwrap(row["key_id"], row["wrapped"]), frozenset(row["shut"]), row["subject"])

    def _wrap(self, key_id: UUID, key: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._master.encrypt(nonce, key, key_id.bytes)

    def _unwrap(self, key_id: UUID, wrapped: bytes) -> AESGCM:
        return AESGCM(self._master.decrypt(wrapped[:12], wrapped[12:], key_id.bytes))
