"""What is happening with this customer right now? First what was missed, then the view, then events as they come, each batch followed by the view."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import orjson
from crm_chassis.answer import rendered
from crm_chassis.call import Call, caller
from crm_chassis.openapi import problems
from crm_chassis.problems import Problem
from crm_events.refusals import Gone, NotFound
from fastapi import APIRouter, Depends, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent

from crm_reporting import timeline
from crm_reporting.applied import Applied, Subscription
from crm_reporting.audit import note_access
from crm_reporting.fresh import wait_for_tokens
from crm_reporting.reading import Reader

BATCH = 200  # events between two views
MOST = 500  # streams a process: each holds memory and asks at every news
LOOK_AGAIN = 15.0  # seconds without news: look all the same, in case the clock moved the view or a merge brought somebody in

router = APIRouter(tags=["customers"])
Read = Annotated[Call, Security(caller, scopes=["reporting:read", "self"])]


@dataclass
class Following:
    """One open stream. `position`: the journal id of the last event sent; `members`: whose events it follows."""

    call: Call
    customer_id: UUID
    members: tuple[str, ...]
    position: int
    resumed: bool


async def _begin(customer_id: UUID, call: Read) -> Following:
    """What must be refused is refused before the stream opens."""
    call.own(customer_id)
    applied: Applied = call.state.applied
    if applied.subscribers >= MOST:
        raise Problem("overloaded", headers={"Retry-After": "5"})
    last = call.header("Last-Event-ID")
    if last is not None and not (last.isascii() and last.isdigit() and len(last) <= 18):
        raise Problem("malformed", "Last-Event-ID must be the id of an event of this stream.")
    await wait_for_tokens(call)
    reader: Reader = call.state.reader
    known = await reader.now(customer_id, call.now)
    position = int(last) if last is not None else await timeline.last_position(reader.pool, known.cluster.members)
    await note_access(call, customer_id)
    return Following(call, customer_id, tuple(known.cluster.members), position, last is not None)


@router.get("/v1/customers/{customer_id}/stream", response_class=EventSourceResponse, responses=problems(400, 401, 403, 404, 410, 503))
async def stream_customer(following: Annotated[Following, Depends(_begin)]) -> AsyncIterable[ServerSentEvent]:
    """The customer live, as server-sent events: `event:` is `view` or an event's type, `id:` the position to resume from with `Last-Event-ID`."""
    applied: Applied = following.call.state.applied
    subscription = applied.subscribe(frozenset(following.members))
    try:
        async for sent in _told(following, subscription):
            yield sent
    finally:
        applied.unsubscribe(subscription)


async def _told(following: Following, subscription: Subscription) -> AsyncIterator[ServerSentEvent]:
    reader: Reader = following.call.state.reader
    shown: bytes | None = None
    while True:
        subscription.news.clear()
        while True:
            rows = await timeline.after(reader.pool, following.members, following.position, BATCH)
            for position, item in rows:
                following.position = position
                yield ServerSentEvent(raw_data=await _text(following.call, item), event=item["type"], id=str(position))
            if len(rows) < BATCH:
                break
        try:
            known = await reader.now(following.customer_id, following.call.now)
        except (Gone, NotFound):
            yield ServerSentEvent(raw_data="{}", event="erased", id=str(following.position))
            return
        view = await reader.shown(known, ())
        told = orjson.dumps({name: part for name, part in view.items() if name != "freshness"})
        if rows or told != shown:
            shown = told
            text = await _text(following.call, view | {"customer_id": str(following.customer_id), "etag": None})
            yield ServerSentEvent(raw_data=text, event="view", id=str(following.position))
        if tuple(known.cluster.members) != following.members:  # a merge or its reversal: from here on these ids are the customer
            following.members = tuple(known.cluster.members)
            subscription.customers = frozenset(following.members)
            continue
        try:
            await asyncio.wait_for(subscription.news.wait(), LOOK_AGAIN)
        except TimeoutError:
            continue


async def _text(call: Call, resource: dict[str, Any]) -> str:
    return (await rendered(resource, vault=call.chassis.vault, may_see=call.may_see_personal)).decode()
