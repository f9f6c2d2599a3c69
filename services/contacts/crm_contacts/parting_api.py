"""How are several merges taken back in one request? All of them, or none."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command
from crm_events.language.contacts import ContactUnmerged
from crm_events.refusals import KeptMoving, NotFound
from crm_events.store.store import TRIES, Done, EventStore, Target
from fastapi import APIRouter

from crm_contacts.access import Merge
from crm_contacts.answers import ClusterAnswer, ReversalsAnswer
from crm_contacts.bodies import ReversalsBody
from crm_contacts.cluster import clusters
from crm_contacts.contact import Contact
from crm_contacts.merges_api import merge_of
from crm_contacts.parting import MOST, Elsewhere, Pair, leaving, made_by, part
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["merges"])

NOBODY = UUID(int=0)
_OF_RULE = """
select stream_id from streams where type = 'contact' and merged_into is not null and state #>> '{merged,rule}' = $1
and ($2::text is null or state #>> '{merged,rule_version}' = $2) order by stream_id limit $3
"""


class Parting:
    """One request: on each try it looks again which merges are meant."""

    def __init__(self, store: EventStore, body: ReversalsBody) -> None:
        self._store, self._body = store, body
        self._ids: list[UUID] = []

    async def targets(self) -> Sequence[Target]:
        """Both contacts of each merge."""
        named = self._body.contact_ids or [row["stream_id"] for row in await self._store.pool.fetch(_OF_RULE, self._body.rule, self._body.rule_version, MOST)]
        found = {each.stream_id: each for each in await self._store.read_many(CONTACTS, named)}
        if self._body.contact_ids and any(not each.version for each in found.values()):
            raise NotFound("There is no contact of one of these ids.")
        ends = {end for pair in self._pairs({each: loaded.state for each, loaded in found.items()}) for end in pair}
        self._ids = sorted({*named, *ends})
        return [Target(CONTACTS, each) for each in self._ids or [NOBODY]]  # a command looks at something, if only to be known when it is sent again

    def decide(self, states: Sequence[Any], _: datetime) -> list[Any]:
        """Each contact's events."""
        contacts = dict(zip(self._ids, states, strict=False))
        events = part(contacts, self._pairs(contacts), reason=self._body.reason)
        return [events[each] for each in self._ids]

    def _pairs(self, contacts: Mapping[UUID, Contact]) -> list[Pair]:
        pairs = made_by(contacts, self._body.rule, self._body.rule_version) if self._body.rule else leaving(contacts, self._body.contact_ids or ())
        return pairs[:MOST]


@router.post("/v1/merges/reversals", **command(ReversalsAnswer))
async def reverse_merges(body: ReversalsBody, call: Merge) -> Answer:
    """Some contacts leave the others they were one customer with, or all that a rule joined are parted, 50 merges a request.

    Who leaves together stays together, and so do those who are left, as far as they were joined without those who leave. 409 `rejected`, rule
    `nothing-to-reverse`, where no merge is meant.
    """
    parting, told = Parting(call.store, body), call.command(body)
    for _ in range(TRIES):
        try:
            done = await call.store.handle_all(told, parting.targets, parting.decide)
        except Elsewhere:
            continue
        return await call.answer(done, await _answer(call.store, done))
    raise KeptMoving("Contacts kept being merged with these. Send the request again.")


async def _answer(store: EventStore, done: Done[Any]) -> ReversalsAnswer:
    ended = [fact.event for fact in done.facts if isinstance(fact.event, ContactUnmerged)]
    touched = [loaded.stream_id for loaded in done.parts]
    found = {cluster.root: cluster for cluster in (await clusters(store, touched)).values()}
    return ReversalsAnswer(
        reversed=[await merge_of(store, each.merge_id) for each in ended],
        clusters=[ClusterAnswer(canonical_id=root, member_ids=list(found[root].members)) for root in sorted(found)],
        more=len(ended) == MOST,
    )
