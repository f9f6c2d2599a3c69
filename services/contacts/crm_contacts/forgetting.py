"""How is the request of an erasure decided over all contacts that are one customer, though they may be merged meanwhile?"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from crm_events.command import Command
from crm_events.language.contacts import ContactEvent
from crm_events.refusals import KeptMoving, NotFound
from crm_events.store.store import TRIES, Done, EventStore, Target
from uuid_utils.compat import uuid7

from crm_contacts.cluster import clusters
from crm_contacts.contact import Contact
from crm_contacts.erasure import NotWhole, request_erasure
from crm_contacts.streams import CONTACTS

Still = Callable[[Sequence[Contact]], bool]


def _whatever(_: Sequence[Contact]) -> bool:
    return True


async def forget(store: EventStore, customer_id: UUID, command: Command, still: Still = _whatever) -> Done[Contact]:
    """Ask that this customer be forgotten; the first part is the contact named. Nothing happens unless it `still` holds of all contacts together."""
    request_id = uuid7()
    for _ in range(TRIES):
        members = (await clusters(store, [customer_id]))[customer_id].members
        ids = [customer_id, *(member for member in members if member != customer_id)]
        try:
            return await store.handle_all(command, [Target(CONTACTS, each) for each in ids], partial(_decide, ids, request_id, still))
        except NotWhole:
            continue
    raise KeptMoving("Contacts kept being merged with this customer. Send the request again.")


def _decide(ids: Sequence[UUID], request_id: UUID, still: Still, states: Sequence[Contact], _: datetime) -> list[list[ContactEvent]]:
    if states[0].registered_at is None:
        raise NotFound("There is no contact of this id.")
    events = request_erasure(dict(zip(ids, states, strict=True)), request_id=request_id)
    return events if still(states) else [[] for _ in ids]
