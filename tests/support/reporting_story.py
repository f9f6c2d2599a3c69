"""How do tests of reporting's reads tell a customer's story? Events that are projected as they are told, with the offsets moved as the consumer would."""

import uuid
from typing import Any

import asyncpg
from crm_events import token
from crm_events.language.contacts import ContactAbsorbed, ContactMerged, ContactRegistered, ContactUnmerged, InteractionRecorded
from crm_events.language.loyalty import Line, MemberEnrolled, TransactionRecorded
from crm_events.sealing import seal
from crm_events.topics import SOURCES
from crm_events.vault import LocalVault
from crm_reporting.composer import compose_next
from crm_reporting.index import index_next
from telling import Teller


class Story:
    """Tells events and projects them; moves the offsets as the consumer would."""

    def __init__(self, connection: asyncpg.Connection, project: Any, vault: LocalVault) -> None:
        self.connection, self.project, self.vault, self.teller = connection, project, vault, Teller()

    async def sealed(self, customer: uuid.UUID, text: str, field: str) -> str:
        key = (await self.vault.keys_for_writing([customer]))[customer]
        return seal(text, key_id=key.id, key=key.cipher, event_id=uuid.uuid4(), field=field)

    async def tell(self, event: Any, customer: uuid.UUID, **fields: Any) -> str:
        record = self.teller.tell(event, customer, **fields)
        await self.project([record])
        await self.connection.execute(
            "insert into offsets (consumer, topic, partition, source, next, last) values ('reporting', $1, $2, $3, 1, $4) "
            "on conflict (consumer, topic, partition) do update set last = excluded.last, next = offsets.next + 1",
            SOURCES[record.source], record.partition, record.source, record.position,
        )  # fmt: skip
        await self.connection.execute("notify applied")
        return token.encode(record.source, {record.partition: record.position})

    async def person(self, name: str = "مریم رضایی", **fields: Any) -> uuid.UUID:
        customer = uuid.uuid4()
        sealed = await self.sealed(customer, name, "name")
        await self.tell(ContactRegistered(kind="person", name=sealed, contact_type="external_actual", roles=("buyer",)), customer, **fields)
        return customer

    async def call(self, customer: uuid.UUID, direction: str = "inbound", **fields: Any) -> str:
        text = await self.sealed(customer, "راز", "text")
        made = InteractionRecorded(interaction_id=uuid.uuid4(), channel="phone", direction=direction, conversation_id=customer, text=text)
        return await self.tell(made, customer, stream=uuid.uuid4(), **fields)

    async def buy(self, customer: uuid.UUID, price: int) -> None:
        line = Line(line=1, sku="s", category="tea", quantity=1, list_price=price, paid_price=price)
        sale, member = uuid.uuid4(), uuid.uuid4()
        await self.tell(MemberEnrolled(), customer, stream=member)
        sold = TransactionRecorded(transaction_id=sale, member_id=member, document=str(sale), channel="web", currency="EUR", lines=(line,))
        await self.tell(sold, customer, stream=sale)

    async def merge(self, survivor: uuid.UUID, absorbed: uuid.UUID) -> uuid.UUID:
        merge = uuid.uuid4()
        await self.tell(ContactMerged(merge_id=merge, survivor_id=survivor, cause="manual", evidence=()), absorbed)
        await self.tell(ContactAbsorbed(merge_id=merge, absorbed_id=absorbed), survivor)
        return merge

    async def part(self, merge: uuid.UUID, survivor: uuid.UUID, absorbed: uuid.UUID) -> None:
        await self.tell(ContactUnmerged(merge_id=merge, survivor_id=survivor), absorbed)

    async def composed(self) -> None:
        await self.summed_up()
        await self.indexed()

    async def summed_up(self) -> None:
        while await compose_next(self.connection, "b1"):
            pass
        await self.connection.execute("notify composed")

    async def indexed(self) -> None:
        while await index_next(self.connection, self.vault, bytes(range(32))):
            pass
        await self.connection.execute("notify composed")
