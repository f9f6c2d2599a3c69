"""Are these two one customer? Merging contacts, and taking that back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_events.language.contacts import ContactMerged, ContactUnmerged
from crm_events.refusals import NotFound
from crm_events.store.store import EventStore, Target
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts import merging
from crm_contacts.access import Merge
from crm_contacts.answers import MergeAnswer
from crm_contacts.bodies import MergeBody, ReversalBody
from crm_contacts.cluster import clusters
from crm_contacts.streams import CONTACTS, MERGE

router = APIRouter(tags=["merges"])


@router.post("/v1/merges", **command(MergeAnswer))
async def merge_contacts(body: MergeBody, call: Merge) -> Answer:
    """The absorbed contact becomes part of the survivor; nothing of either is rewritten. `If-Match` is about the absorbed one."""
    merge_id, survivor_id, absorbed_id = body.id or uuid7(), body.survivor_id, body.absorbed_id
    root = survivor_id

    async def targets() -> Sequence[Target]:
        nonlocal root
        root = (await clusters(call.store, [survivor_id]))[survivor_id].root
        return [Target(CONTACTS, absorbed_id), Target(CONTACTS, survivor_id)]

    done = await call.store.handle_all(
        call.command(body),
        targets,
        lambda states, _: merging.merge(
            states[0], states[1], absorbed_id=absorbed_id, survivor_id=survivor_id, merge_id=merge_id, survivors_root=root,
            reason=body.reason, evidence=body.evidence, rule=body.rule, rule_version=body.rule_version,
        ),
    )  # fmt: skip
    merged = done.first(ContactMerged)
    made = merged.merge_id if merged else merge_id
    return await call.answer(done, await merge_of(call.store, made), created=f"/v1/merges/{made}")


@router.get("/v1/merges/{merge_id}", **query(MergeAnswer))
async def get_merge(merge_id: UUID, call: Merge) -> Answer:
    """Which two, when and why, and whether it still holds."""
    return await call.show(await merge_of(call.store, merge_id))


@router.post("/v1/merges/{merge_id}/reversal", **command(MergeAnswer))
async def reverse_merge(merge_id: UUID, body: ReversalBody, call: Merge) -> Answer:
    """The two are two again, exactly as if they had never been merged. `If-Match` is about the absorbed one."""
    merge = await merge_of(call.store, merge_id)
    done = await call.store.handle_all(
        call.command(body),
        [Target(CONTACTS, merge.absorbed_id), Target(CONTACTS, merge.survivor_id)],
        lambda states, _: merging.reverse(
            states[0], states[1], merge_id=merge_id, absorbed_id=merge.absorbed_id, survivor_id=merge.survivor_id, reason=body.reason
        ),
    )
    return await call.answer(done, await merge_of(call.store, merge_id))


async def merge_of(store: EventStore, merge_id: UUID) -> MergeAnswer:
    """From the absorbed contact's history, found by the claim that stays for ever. Raises NotFound."""
    merged: tuple[ContactMerged, datetime] | None = None
    reversed_at: datetime | None = None
    for absorbed_id in await store.holders(MERGE, str(merge_id)):
        for each in await store.history(CONTACTS, absorbed_id):
            match each.fact.event:
                case ContactMerged() as event if event.merge_id == merge_id:
                    merged = event, each.fact.occurred_at
                case ContactUnmerged() as event if event.merge_id == merge_id:
                    reversed_at = each.fact.occurred_at
                case _:
                    continue
        if merged:
            event, occurred_at = merged
            return MergeAnswer(
                id=merge_id, survivor_id=event.survivor_id, absorbed_id=absorbed_id, cause=event.cause, rule=event.rule,
                rule_version=event.rule_version, reason=event.reason,
                evidence=list(event.evidence), occurred_at=occurred_at, reversed_at=reversed_at, redacted=[],
            )  # fmt: skip
    raise NotFound("There is no merge of this id.")
