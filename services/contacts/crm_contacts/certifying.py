"""Who hears that an erasure was obeyed, and gives the certificate once all who must have said so?

privacy.erased ─▶ contacts itself, and by their topics tickets, loyalty and reporting ─▶ privacy.acknowledged, one each for each id of the customer
                  and by request whoever else keeps copies (ERASURE_SUBSCRIBERS)      ─▶ all there: privacy.certified
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid5

import orjson
from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.follower import Handler
from crm_events.language.contacts import PrivacyErased
from crm_events.language.privacy import LoyaltyErasureObeyed, ReportingErasureObeyed, TicketsErasureObeyed
from crm_events.lease import Connection
from crm_events.obeying import sealed_for_ever
from crm_events.store.store import EventStore
from uuid_utils.compat import uuid7

from crm_contacts.certificate import Signer
from crm_contacts.metrics import UNCERTIFIED
from crm_contacts.privacy_request import PRIVACY_REQUESTS, SERVICES, PrivacyRequest, acknowledge
from crm_contacts.streams import CONTACTS, MERGE

TAKE = 200
HEARD: Mapping[str, str] = {TicketsErasureObeyed.type: "tickets", LoyaltyErasureObeyed.type: "loyalty", ReportingErasureObeyed.type: "reporting"}

_OPEN = """
select stream_id, waiting_since from streams
where waiting_since is not null and state ->> 'asked_at' is null and (waiting_since, stream_id) > ($1, $2) order by waiting_since, stream_id limit $3
"""
_MEMBERS = """
select s.stream_id, s.erasing, s.merged_into, d.customer_id is not null as destroyed
from streams s left join destroyed_key d on d.customer_id = s.stream_id where s.erasure = $1 order by s.stream_id
"""
_FOUND = "select exists (select from claims where holder = $1 and scope <> $2)"


@dataclass(frozen=True, slots=True)
class Erasure:
    """All contacts that are forgotten by one request. `root`: the customer they were."""

    request_id: UUID
    root: UUID
    members: tuple[UUID, ...]
    erasing: bool
    destroyed: bool


async def erasure_of(store: EventStore, request_id: UUID) -> Erasure | None:
    """The contacts' side of a request; None: there is no erasure of this id."""
    rows = await store.pool.fetch(_MEMBERS, request_id)
    if not rows:
        return None
    root = next((row["stream_id"] for row in rows if row["merged_into"] is None), rows[0]["stream_id"])
    members = tuple(row["stream_id"] for row in rows)
    return Erasure(request_id, root, members, any(row["erasing"] for row in rows), all(row["destroyed"] for row in rows))


async def note(store: EventStore, found: Erasure, command: Command, *, service: str, members: Sequence[UUID], counts: Mapping[str, int]) -> None:
    """`service` has obeyed for these ids. Said twice, it is nothing new."""
    await store.handle(
        PRIVACY_REQUESTS, found.request_id, command, key=found.root,
        decide=lambda request, _: acknowledge(request, request_id=found.request_id, service=service, members=members, counts=counts),
    )  # fmt: skip


def acknowledgements(store: EventStore) -> dict[str, Handler]:
    """The handlers, by type of event, of what the other services say."""
    return dict.fromkeys(HEARD, partial(_heard, store))


async def _heard(store: EventStore, _: Connection, record: Record) -> None:
    told = orjson.loads(record.value)
    found = await erasure_of(store, UUID(told["request_id"]))
    if found is None or UUID(told["member_id"]) not in found.members:
        return  # of another contacts database: nothing was asked for here
    command = Command(uuid5(record.event_id, "acknowledged"), b"acknowledged", "follower", causation_id=record.event_id)
    await note(store, found, command, service=HEARD[record.type], members=[UUID(told["member_id"])], counts=told["counts"])


class Certifier:
    """Works where the eraser leads; each step may be done twice. `owed`: who keeps copies besides our services, and says by request that they are gone."""

    def __init__(self, store: EventStore, signer: Signer, owed: Sequence[str] = ()) -> None:
        self._store, self._signer, self._services = store, signer, (*SERVICES, *owed)
        self._oldest = UNCERTIFIED.on(store.metrics.registry)

    async def tick(self) -> int:
        """Certify what everybody has obeyed; how many."""
        place, certified, waiting = (-1, UUID(int=0)), 0, list[datetime]()
        while rows := await self._store.pool.fetch(_OPEN, *place, TAKE):
            for loaded in await self._store.read_many(PRIVACY_REQUESTS, [row["stream_id"] for row in rows]):
                if await self._certify(loaded.stream_id, loaded.state):
                    certified += 1
                else:
                    waiting += [each.at for each in loaded.state.acknowledged[:1]]
            place = rows[-1]["waiting_since"], rows[-1]["stream_id"]
        self._oldest.set((datetime.now(UTC) - min(waiting)).total_seconds() if waiting else 0)
        return certified

    async def obeyed(self, request_id: UUID, member: UUID) -> None:
        """Contacts says of itself what the others say of themselves, if it is so: nothing finds this contact, nothing of it can be opened."""
        found = await erasure_of(self._store, request_id)
        counts = await sealed_for_ever(self._store, member)
        if found is None or counts is None or await self._store.pool.fetchval(_FOUND, member, MERGE):
            return
        command = Command(uuid5(request_id, f"contacts:{member}"), b"acknowledged", "timer")
        await note(self._store, found, command, service="contacts", members=[member], counts=counts)

    async def _certify(self, request_id: UUID, request: PrivacyRequest) -> bool:
        found = await erasure_of(self._store, request_id)
        if found is None or found.erasing:
            return False
        if silent := request.lacks(found.members, ["contacts"]):  # died between the erasure and its word on it
            for _, member in silent:
                await self.obeyed(request_id, member)
            request = (await self._store.read(PRIVACY_REQUESTS, request_id)).state
        if request.lacks(found.members, self._services):
            return False
        certified = self._signer.certified(
            request_id, members=found.members, acknowledged=request.acknowledged, erased_at=await erased_when(self._store, found.root)
        )
        command = Command(uuid7(), b"certified", "timer", keyed=False)
        await self._store.handle(PRIVACY_REQUESTS, request_id, command, lambda now, _: [] if now.certificate else [certified], key=found.root)
        return True


async def erased_when(store: EventStore, root: UUID) -> datetime:
    """When the keys of the customer were known to be gone."""
    facts = [each.fact for each in await store.history(CONTACTS, root)]
    return next(fact.occurred_at for fact in facts if isinstance(fact.event, PrivacyErased))
