"""Is a customer found by name and identifier, through keyed hashes only, until they ask to be forgotten?"""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from crm_events.language.contacts import ContactDetailsChanged, ContactIdentifierAdded, ContactIdentifierRemoved, ContactRegistered, PrivacyErasureRequested
from crm_events.sealing import seal
from crm_events.vault import SCHEMA, LocalVault
from crm_reporting.index import WORD, index_next, term
from telling import START, Teller

ANN, BOB = uuid.uuid4(), uuid.uuid4()
KEY = b"k" * 32


class Finder:
    def __init__(self, connection: asyncpg.Connection, vault: LocalVault, project) -> None:
        self.connection, self.vault, self.project, self.teller = connection, vault, project, Teller()

    async def tell(self, event, customer: uuid.UUID, day: int = 0, **texts: str) -> None:
        """An event whose `texts` are sealed with the customer's key."""
        key = (await self.vault.keys_for_writing([customer]))[customer]
        sealed = {field: seal(text, key_id=key.id, key=key.cipher, event_id=uuid.uuid4(), field=field) for field, text in texts.items()}
        await self.project([self.teller.tell(event.model_copy(update=sealed), customer, at=START + timedelta(days=day))])

    async def index(self) -> None:
        while await index_next(self.connection, self.vault, KEY, limit=2):
            pass

    async def by(self, within: str, value: str) -> list[uuid.UUID]:
        rows = await self.connection.fetch("select distinct customer_id from terms where hash = $1 order by 1", term(KEY, within, value))
        return [row["customer_id"] for row in rows]


@pytest.fixture
async def finder(connection: asyncpg.Connection, project, database: str) -> AsyncIterator[Finder]:
    async with asyncpg.create_pool(database, min_size=0, max_size=2) as pool:
        await pool.execute(SCHEMA)
        yield Finder(connection, LocalVault(pool, bytes(32)), project)


REGISTERED = ContactRegistered(kind="person", name="-", contact_type="internal", roles=())


async def test_a_name_is_found_by_its_words_and_their_beginnings(finder: Finder) -> None:
    await finder.tell(REGISTERED, ANN, name="مريم Rezaei")
    await finder.tell(REGISTERED, BOB, name="مریم Karimi")
    await finder.index()
    assert await finder.by(WORD, "مریم") == sorted([ANN, BOB])
    assert await finder.by(WORD, "rez") == [ANN]
    assert await finder.by(WORD, "eza") == []
    assert await finder.connection.fetchval("select count(*) from to_index") == 0


async def test_a_former_name_finds_nobody_and_a_late_one_does_not_replace_it(finder: Finder) -> None:
    await finder.tell(REGISTERED, ANN, name="Karimi")
    await finder.tell(ContactDetailsChanged(name="-"), ANN, day=2, name="Rezaei")
    await finder.tell(ContactDetailsChanged(name="-"), ANN, day=1, name="Ahmadi")
    await finder.index()
    assert [await finder.by(WORD, word) for word in ("karimi", "rezaei", "ahmadi")] == [[], [ANN], []]


async def test_an_identifier_leads_to_its_customer_until_it_is_removed(finder: Finder) -> None:
    identity = uuid.uuid4()
    await finder.tell(ContactIdentifierAdded(identifier_id=identity, kind="email", value="-", normalised="-"), ANN, value="A@b.ir", normalised="a@b.ir")
    await finder.index()
    assert await finder.by("email", "a@b.ir") == [ANN]
    assert await finder.by("phone", "a@b.ir") == []
    await finder.tell(ContactIdentifierRemoved(identifier_id=identity, kind="email"), ANN, day=1)
    await finder.index()
    assert await finder.by("email", "a@b.ir") == []


async def test_nothing_is_entered_of_anybody_who_was_erased(finder: Finder) -> None:
    await finder.tell(REGISTERED, ANN, name="Rezaei")
    await finder.index()
    await finder.tell(PrivacyErasureRequested(request_id=uuid.uuid4()), ANN)
    assert await finder.by(WORD, "rezaei") == []
    await finder.tell(ContactDetailsChanged(name="-"), ANN, day=3, name="Rezaei")  # a fact that was under way
    await finder.index()
    assert await finder.by(WORD, "rezaei") == []


async def test_what_can_no_longer_be_opened_is_passed_over(finder: Finder) -> None:
    await finder.tell(REGISTERED, ANN, name="Rezaei")
    await finder.tell(REGISTERED, BOB, name="Karimi")
    await finder.vault.destroy([ANN])
    await finder.index()
    assert [await finder.by(WORD, word) for word in ("rezaei", "karimi")] == [[], [BOB]]
