"""How is a message sent to a customer only if they allow it, and what came of it?"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_events.language.outreach import OutreachEvent
from crm_events.refusals import KeptMoving, NotFound, Taken
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore, Target
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts.access import Read, Write
from crm_contacts.cluster import Cluster, clusters, members_then, must_stand
from crm_contacts.contact import Contact
from crm_contacts.outreach import OUTREACH, TURN, Outreach, record_result
from crm_contacts.outreach_shapes import OutreachAnswer, OutreachBody, OutreachPage, ResultBody, outreach_answer, question
from crm_contacts.profile import standing
from crm_contacts.sending import Before, Sending, send
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["outreach"])

TRIES = 20  # so many may write to one customer at once; each try that fails, another's has succeeded
_BEFORE = """
select (state ->> 'campaign_id')::uuid as campaign_id, state ->> 'group' as "group", occurred_at from streams
where type = 'outreach' and customer_id = any($1::uuid[]) and state ->> 'suppressed' is null
"""
_NEWEST = """
select stream_id, occurred_at from streams where type = 'outreach' and customer_id = any($1::uuid[])
and ($2::bigint is null or (occurred_at, stream_id) < ($2, $3::uuid)) order by occurred_at desc, stream_id desc limit $4
"""


class Sender:
    """One message on its way: on each try it looks again at who the customer is and at what was sent before."""

    def __init__(self, store: EventStore, contact_id: UUID, body: OutreachBody) -> None:
        self._store, self._contact_id, self._at = store, contact_id, body.occurred_at
        self._id, self._sending = body.id or uuid7(), Sending(**body.model_dump(exclude={"id", "occurred_at"}))
        self._cluster, self._then = Cluster(contact_id, (contact_id,)), dict[UUID, Contact]()
        self.before, self.skipped = list[Before](), 0

    async def targets(self) -> Sequence[Target]:
        """The message, and every contact that is the customer: none of them may move while it is decided."""
        self._cluster = (await clusters(self._store, [self._contact_id]))[self._contact_id]
        self._then = await members_then(self._store, self._contact_id, self._at) if self._at else {}
        self.before = await _before(self._store, self._cluster.members)
        return [Target(OUTREACH, self._id, self._contact_id), *(Target(CONTACTS, each) for each in self._cluster.members)]

    def decide(self, states: Sequence[Any], at: datetime) -> list[Sequence[OutreachEvent]]:
        """The message's event; the contacts have none."""
        customer = dict(zip(self._cluster.members, states[1:], strict=True))
        standing(customer[self._contact_id])
        if self._then.get(self._contact_id, Contact()).registered_at is not None:
            customer = self._then
        events = send(
            states[0], customer, outreach_id=self._id, contact_id=self._contact_id, canonical_id=self._cluster.root, sending=self._sending,
            before=self.before, turn=len(self.before) + 1 + self.skipped, question=question(self._contact_id, self._sending, at), at=at,
        )  # fmt: skip
        return [events, *([] for _ in self._cluster.members)]


@router.post("/v1/contacts/{contact_id}/outreach", **command(OutreachAnswer))
async def send_outreach(contact_id: UUID, body: OutreachBody, call: Write) -> Answer:
    """Sent, if the customer allows it: the answer names the decision and the events that decided it. Else `suppressed` says why it must not be sent.

    Asked for a moment of the past, it is decided by what had happened by then. In the control group nothing is to be sent, though it might be.
    """
    sender, told, counted = Sender(call.store, contact_id, body), call.command(body), -1
    for _ in range(TRIES):
        try:
            done = await call.store.handle_all(told, sender.targets, sender.decide)
        except Taken as refused:
            if refused.claim.scope != TURN:
                raise
            # As many as at the last try: nobody was faster, the number is of a time before a merge was taken back. The next one is free, or raced for.
            sender.skipped = sender.skipped + 1 if len(sender.before) == counted else 0
            counted = len(sender.before)
            continue
        path = f"/v1/contacts/{contact_id}/outreach/{done.part.stream_id}"
        return await call.answer(done, outreach_answer(done.part), created=path)
    raise KeptMoving("Others kept writing to this customer. Send the request again.")


@router.post("/v1/contacts/{contact_id}/outreach/{outreach_id}/results", **command(OutreachAnswer))
async def record_outreach_result(contact_id: UUID, outreach_id: UUID, body: ResultBody, call: Write) -> Answer:
    """It was delivered, opened, clicked, answered, or came back. Told twice, it is nothing new."""
    await _of(call.store, contact_id, outreach_id)
    await must_stand(call.store, contact_id)
    done = await call.store.handle(
        OUTREACH,
        outreach_id,
        call.command(body),
        lambda outreach, _: record_result(
            outreach, outreach_id=outreach_id, result=body.result, kind=body.kind, interaction_id=body.interaction_id, reason=body.reason
        ),
    )
    return await call.answer(done, outreach_answer(done.part))


@router.get("/v1/contacts/{contact_id}/outreach/{outreach_id}", **query(OutreachAnswer))
async def get_outreach(contact_id: UUID, outreach_id: UUID, call: Read) -> Answer:
    """Was it sent, on which decision, and what came of it?"""
    loaded = await _of(call.store, contact_id, outreach_id)
    return await call.show(outreach_answer(loaded), version=loaded.version)


@router.get("/v1/contacts/{contact_id}/outreach", **query(OutreachPage))
async def list_outreach(contact_id: UUID, call: Read, page: Paging) -> Answer:
    """What was sent and held back, of every contact that is this customer, newest first."""
    await must_stand(call.store, contact_id)
    members = (await clusters(call.store, [contact_id]))[contact_id].members
    moment, last = page.after or (None, None)
    rows = await call.store.pool.fetch(_NEWEST, members, moment, UUID(last) if last else None, page.limit + 1)
    shown = rows[: page.limit]
    loaded = await call.store.read_many(OUTREACH, [row["stream_id"] for row in shown])
    more = [shown[-1]["occurred_at"], shown[-1]["stream_id"]] if len(rows) > page.limit else None
    return await call.page([outreach_answer(each) for each in loaded], more, page.limit)


async def _before(store: EventStore, members: Sequence[UUID]) -> list[Before]:
    rows = await store.pool.fetch(_BEFORE, members)
    return [Before(row["campaign_id"], row["group"], datetime.fromtimestamp(row["occurred_at"] / 1_000_000, UTC)) for row in rows]


async def _of(store: EventStore, contact_id: UUID, outreach_id: UUID) -> Loaded[Outreach]:
    loaded = await store.read(OUTREACH, outreach_id)
    if not loaded.version or loaded.customer_id != contact_id:
        raise NotFound("The contact has no message of this id.")
    return loaded
