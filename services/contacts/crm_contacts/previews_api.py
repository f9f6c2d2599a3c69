"""What would come of merging these two? Asked before it is done; nothing is written."""

from collections.abc import Mapping
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import query
from crm_events.refusals import Rejected
from crm_events.store.store import EventStore
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts import merging, preview
from crm_contacts.access import Merge
from crm_contacts.cluster import clusters
from crm_contacts.contact import Contact
from crm_contacts.likely import opened
from crm_contacts.match_rules import Person
from crm_contacts.preview_shapes import PreviewAnswer, PreviewBody, RefusalAnswer, count_answers, disagreement_answer, field_answer, word_answer
from crm_contacts.profile import standing
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["merges"])

_COUNTS = "select type, count(*) as n from streams where customer_id = any($1::uuid[]) and type <> 'contact' group by type"


@router.post("/v1/merges/previews", **query(PreviewAnswer, lookup=True))
async def preview_merge(body: PreviewBody, call: Merge) -> Answer:
    """The customer that the two would be: each field with the values that would lose, consents, counts, what speaks against it, and what would refuse it."""
    pair = body.survivor_id, body.absorbed_id
    found = await clusters(call.store, pair)
    roots = found[body.survivor_id].root, found[body.absorbed_id].root
    loaded = await call.store.read_many(CONTACTS, list(dict.fromkeys([*pair, *found[pair[0]].members, *found[pair[1]].members])))
    states = {each.stream_id: each.state for each in loaded}
    refused = _refusal(states, *pair, root=roots[0])
    people = [
        Person(each.stream_id, found[pair[0]].root if each.stream_id in found[pair[0]].members else roots[1], each.state.registered_at, state)
        for each, state in zip(loaded, await opened(call.store, loaded), strict=True)
        if each.state.registered_at
    ]  # fmt: skip
    survivor, absorbed = ({each: states[each] for each in _first(root, found[one].members)} for one, root in zip(pair, roots, strict=True))
    of_two = [[person for person in people if person.id in side] for side in (survivor, absorbed)]
    members = {**survivor, **absorbed}
    counts = [await _counts(call.store, side) for side in (survivor, absorbed)]
    return await call.show(
        PreviewAnswer(
            survivor_id=body.survivor_id, absorbed_id=body.absorbed_id, canonical_id=roots[0], member_ids=list(members), refused=refused,
            fields=[field_answer(each) for each in preview.fields(members)],
            consents=[word_answer(each) for each in preview.consents(survivor, absorbed, roots=roots, at=call.now)],
            disagreements=[] if roots[0] == roots[1] else [disagreement_answer(each) for each in preview.disagreements(*of_two)],
            counts=count_answers(*counts, one_customer=roots[0] == roots[1]), redacted=[],
        )
    )  # fmt: skip


def _refusal(states: Mapping[UUID, Contact], survivor_id: UUID, absorbed_id: UUID, *, root: UUID) -> RefusalAnswer | None:
    """What the merge itself would say. Raises what it would raise of contacts that are not there, were erased, or are the same."""
    standing(states[survivor_id]), standing(states[absorbed_id])
    try:
        merging.merge(
            states[absorbed_id], states[survivor_id], absorbed_id=absorbed_id, survivor_id=survivor_id, merge_id=uuid7(), survivors_root=root
        )  # fmt: skip
    except Rejected as refused:
        canonical = refused.extra.get("canonical_id")
        return RefusalAnswer(rule=refused.rule, detail=refused.detail, canonical_id=UUID(canonical) if canonical else None)
    return None


async def _counts(store: EventStore, members: Mapping[UUID, Contact]) -> dict[str, int]:
    rows = await store.pool.fetch(_COUNTS, list(members))
    known = {"contact": len(members), "identifier": sum(len(each.identifiers) for each in members.values())}
    return known | {row["type"]: row["n"] for row in rows}


def _first(root: UUID, members: tuple[UUID, ...]) -> list[UUID]:
    return [root, *(each for each in members if each != root)]
