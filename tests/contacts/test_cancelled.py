"""Does a client that hangs up, at whatever await of the store's and the service's path, take anything with it?"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cancelling import cancelled_at
from contacts_client import Api, ok
from crm_contacts.streams import CONTACTS
from crm_events.command import Command
from crm_events.store.store import EventStore
from crm_events.vault import LocalVault

MOST_AWAITS = 200


async def settled(store: EventStore) -> None:
    """Return once every connection is back, no lock is held and nothing waits; what stays away is told."""
    vault = store.vault
    assert isinstance(vault, LocalVault)
    pools, until = {"store": store.pool, "vault": vault._pool}, time.monotonic() + 10
    while True:
        away = {name: pool.get_size() - pool.get_idle_size() for name, pool in pools.items()}
        kept = {**away, "locks": len(store._locks._locks), "appends": len(store._appender._waiting), "keys": len(vault._writing._wanted)}
        if not any(kept.values()):
            return
        assert time.monotonic() < until, f"kept for ever: {kept}"
        await asyncio.sleep(0.005)


async def at_every_await(store: EventStore, act: Callable[[int], Awaitable[Any]], done: Callable[[int], Awaitable[int]]) -> int:
    """Cancel `act` at its 1st, 2nd … await until it ends before that; each time everything must be given back. How many were cancelled."""
    for number in range(1, MOST_AWAITS):
        answer = await cancelled_at(_as_coroutine(act(number)), number)
        await settled(store)
        assert await done(number) in ((1,) if answer is not None else (0, 1)), f"await {number}"
        again = await act(number)
        assert again is not None and await done(number) == 1, f"await {number}, sent again"
        await settled(store)
        if answer is not None:
            return number - 1
    raise AssertionError("more awaits than that?")


async def _as_coroutine(work: Awaitable[Any]) -> Any:
    return await work


async def notes(store: EventStore, contact: str, text: str) -> int:
    count = 0
    rows = await store.pool.fetch("select metadata from events where stream_id = $1 and type = 'note.added'", uuid.UUID(contact))
    for row in rows:
        count += text in row["metadata"]
    return count


async def test_a_command_given_up_at_any_await_of_the_store_is_done_once_or_not_at_all(api: Api, store: EventStore) -> None:
    from crm_contacts.profile import add_note

    contact, run = (await api.person())["id"], uuid.uuid4()

    def command(number: int) -> Command:
        return Command(uuid.uuid5(run, str(number)), b"print", f"agent:{number}")

    async def act(number: int) -> Any:
        store.vault._writing._seen.clear()  # the way over the vault, each time
        store.vault._reading._seen.clear()
        return await store.handle(CONTACTS, uuid.UUID(contact), command(number), lambda state, _: add_note(state, note_id=uuid.uuid4(), text="x"))

    async def done(number: int) -> int:
        return await notes(store, contact, str(command(number).id))

    assert await at_every_await(store, act, done) >= 3


async def test_a_request_given_up_at_any_await_of_the_service_leaves_nothing_behind(api: Api, store: EventStore) -> None:
    contact, run = (await api.person())["id"], uuid.uuid4().hex

    async def act(number: int) -> Any:
        store.vault._writing._seen.clear()
        store.vault._reading._seen.clear()
        answer = await api.post(f"/v1/contacts/{contact}/notes", {"text": f"{number}"}, key=f"{run}-{number}", Request_Id=f"{run}-{number}.")
        return ok(answer, answer.status_code)

    async def done(number: int) -> int:
        return await notes(store, contact, f"{run}-{number}.")

    assert await at_every_await(store, act, done) >= 4


async def test_reads_given_up_at_any_await_give_their_connections_back(api: Api, store: EventStore) -> None:
    contact = (await api.person(identifiers=[{"kind": "email", "value": f"{uuid.uuid4().hex}@example.org"}]))["id"]
    for path in (f"/v1/contacts/{contact}", f"/v1/contacts/{contact}/interactions", "/readyz"):
        for number in range(1, MOST_AWAITS):
            store.vault._reading._seen.clear()
            answer = await cancelled_at(_as_coroutine(api.get(path)), number)
            await settled(store)
            if answer is not None:
                break
        assert answer is not None and answer.status_code == 200


async def test_one_who_hangs_up_while_the_vault_is_away_leaves_the_others_their_answer() -> None:
    asked, away = asyncio.Event(), asyncio.Event()

    class Pool:
        async def fetch(self, *_: object) -> list[Any]:
            asked.set()
            await away.wait()
            raise ConnectionRefusedError("the vault is away")

    vault = LocalVault(Pool(), bytes(32))  # type: ignore[arg-type]
    first, second = (asyncio.create_task(vault.keys_for_writing([uuid.uuid4()])) for _ in range(2))
    await asked.wait()
    first.cancel()
    await asyncio.sleep(0)
    away.set()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(second, 5)
    with pytest.raises(asyncio.CancelledError):
        await first
