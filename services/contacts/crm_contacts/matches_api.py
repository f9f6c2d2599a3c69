"""Who may be one customer, and is to be looked at by somebody?"""

from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_events.refusals import Gone, Invalid, NotFound, Rejected
from crm_events.store.loading import Loaded
from fastapi import APIRouter, Query

from crm_contacts import match
from crm_contacts.access import Merge, Write
from crm_contacts.cluster import clusters
from crm_contacts.match import MATCHES, Match, match_id
from crm_contacts.match_shapes import MatchAnswer, MatchPage, RejectionBody, State, SuggestionBody, match_answer
from crm_contacts.profile import standing
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["merges"])

MOST_LOOKS = 10  # pages of pairs looked at for one page of those asked for
BY_HAND, HAND_VERSION, HAND_SCORE = "by-hand", "1", 50
_NEWEST = """
select m.stream_id, m.occurred_at from streams m where m.type = 'match' and ($1::uuid[] is null or m.customer_id = any($1) or m.other_id = any($1))
and ($2::bigint is null or (m.occurred_at, m.stream_id) < ($2, $3))
and not exists (select from streams c where c.stream_id in (m.customer_id, m.other_id) and c.erasure is not null)
order by m.occurred_at desc, m.stream_id desc limit $4
"""


@router.get("/v1/matches", **query(MatchPage))
async def list_matches(
    call: Merge,
    page: Paging,
    state: Annotated[State, Query(description="What is to be looked at, what was rejected, or what was merged since.")] = "open",
    customer_id: Annotated[UUID | None, Query(description="Only those of this customer.")] = None,
) -> Answer:
    """Pairs that may be one customer, the newest first; one that was merged leaves the queue, one that asked to be forgotten is not shown.

    A page can be short, even empty, and still have a next one: of the pairs looked at few were in that state.
    """
    members = list((await clusters(call.store, [customer_id]))[customer_id].members) if customer_id else None
    shown, place = list[MatchAnswer](), page.after
    for _ in range(MOST_LOOKS):
        rows = await call.store.pool.fetch(_NEWEST, members, *_place(place), page.limit + 1)
        for each in await _shown(call, [row["stream_id"] for row in rows[: page.limit]]):
            if len(shown) == page.limit:  # of those that follow, at least this one: the page after begins behind the last shown
                return await call.page(shown, _after(shown[-1]), page.limit)
            if each.state == state:
                shown.append(each)
        if len(rows) <= page.limit:
            return await call.page(shown, None, page.limit)
        place = (rows[page.limit - 1]["occurred_at"], str(rows[page.limit - 1]["stream_id"]))
    return await call.page(shown, place, page.limit)


@router.get("/v1/matches/{match_id}", **query(MatchAnswer))
async def get_match(match_id: UUID, call: Merge) -> Answer:
    """Which two, which rules say so, and what became of it."""
    loaded = await _of(call, match_id)
    return await call.show((await _answers(call, [loaded]))[0])


@router.post("/v1/matches", **command(MatchAnswer))
async def suggest_match(body: SuggestionBody, call: Write) -> Answer:
    """Somebody of ours takes two contacts for one customer. A pair that was suggested already, or rejected as one of the kind, is nothing new."""
    contacts = await call.store.read_many(CONTACTS, [body.contact_id, body.other_id])
    for pointer, each in zip(("/contact_id", "/other_id"), contacts, strict=True):
        try:
            standing(each.state)
        except (NotFound, Gone):
            raise Invalid(pointer, "unknown", "There is no contact of this id; register it first.") from None
    roots = {cluster.root for cluster in (await clusters(call.store, [body.contact_id, body.other_id])).values()}
    if len(roots) == 1:
        raise Rejected("already-merged", "The two are one customer already.", canonical_id=str(roots.pop()))
    older, younger = sorted(contacts, key=lambda each: (each.state.registered_at, each.stream_id))
    pair = match_id(older.stream_id, younger.stream_id)
    done = await call.store.handle(
        MATCHES,
        pair,
        call.command(body),
        lambda known, _: match.suggest(
            known, match_id=pair, other_id=younger.stream_id, rule=BY_HAND, version=HAND_VERSION, score=HAND_SCORE, identifiers=()
        ),
        key=older.stream_id,
    )  # fmt: skip
    return await call.answer(done, (await _answers(call, [done.part]))[0], created=f"/v1/matches/{pair}")


@router.post("/v1/matches/{match_id}/rejection", **command(MatchAnswer))
async def reject_match(match_id: UUID, body: RejectionBody, call: Merge) -> Answer:
    """They are two: no rule that said otherwise says it again, unless it becomes another version. Once they are merged: 409 `already-merged`."""
    known = await _of(call, match_id)
    if (await _answers(call, [known]))[0].state == "merged":
        raise Rejected("already-merged", "The two were made one customer. Reverse that merge.", canonical_id=str(await _root(call, known.customer_id)))
    done = await call.store.handle(MATCHES, match_id, call.command(body), lambda pair, _: match.reject(pair, match_id=match_id))
    return await call.answer(done, (await _answers(call, [done.part]))[0])


async def _of(call: Call, pair: UUID) -> Loaded[Match]:
    loaded = await call.store.read(MATCHES, pair)
    if loaded.state.other_id is None:
        raise NotFound("There is no match of this id.")
    contacts = await call.store.read_many(CONTACTS, [loaded.customer_id, loaded.state.other_id])
    if any(each.state.erasure for each in contacts):
        raise Gone("One of the two was erased.")
    return loaded


async def _root(call: Call, contact_id: UUID) -> UUID:
    return (await clusters(call.store, [contact_id]))[contact_id].root


async def _shown(call: Call, ids: Sequence[UUID]) -> list[MatchAnswer]:
    return await _answers(call, await call.store.read_many(MATCHES, ids))


async def _answers(call: Call, loaded: Sequence[Loaded[Match]]) -> list[MatchAnswer]:
    pairs = [(each.customer_id, each.state.other_id or each.customer_id) for each in loaded]
    found = await clusters(call.store, [contact for pair in pairs for contact in pair])
    return [match_answer(each, one_customer=found[one].root == found[other].root) for each, (one, other) in zip(loaded, pairs, strict=True)]


def _place(after: Sequence[Any] | None) -> tuple[int | None, UUID | None]:
    return (after[0], UUID(after[1])) if after else (None, None)


def _after(last: MatchAnswer) -> list[Any]:
    return [round(last.occurred_at.astimezone(UTC).timestamp() * 1_000_000), last.id]
