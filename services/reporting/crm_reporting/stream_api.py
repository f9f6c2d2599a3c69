"""What is happening with this customer right now? First what was missed, then the view, then events as they come, each batch followed by the view."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import structlog
from crm_chassis.answer import rendered
from crm_chassis.call import Call, caller
from crm_chassis.openapi import problems
from crm_chassis.operations import AWAITED
from crm_chassis.problems import Problem
from crm_events.refusals import Gone, NotFound, Unavailable
from crm_events.tracing import events
from fastapi import APIRouter, Depends, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from opentelemetry.trace import SpanKind

from crm_reporting import timeline
from crm_reporting.applied import Applied, Subscription
from crm_reporting.audit import note_access
from crm_reporting.fresh import wait_for_tokens
from crm_reporting.reading import Known, Reader, etag

BATCH = 200  # events read at once
MOST = 400  # streams a process: each holds memory and asks at every news, and counts among the requests that a process works on
LOOK_AGAIN = 15.0  # seconds without news: look all the same, in case the clock moved the view
LIFE = 900.0  # seconds until a stream ends and its client comes back with `Last-Event-ID`: a token that expired or was taken away is noticed then

RESUMED = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[0-9]{0,18}$"},
    "description": "The `id` of the last event received: the stream goes on after it, without a gap.",
}

_AWAY = (OSError, TimeoutError, Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

router = APIRouter(tags=["customers"])
Read = Annotated[Call, Security(caller, scopes=["reporting:read", "self"])]

log = structlog.get_logger(__name__)


@dataclass
class Following:
    """One open stream. `position`: the journal id of the last event sent; None until the first view, where nothing is to be caught up with."""

    call: Call
    customer_id: UUID
    subscription: Subscription
    position: int | None


async def _begin(customer_id: UUID, call: Read) -> AsyncIterator[Following]:
    """What must be refused is refused before the stream opens. Subscribed from before its first look until the answer has ended, however it ends."""
    call.own(customer_id)
    applied: Applied = call.state.applied
    last = call.header("Last-Event-ID") or None
    if last is not None and not (last.isascii() and last.isdigit() and len(last) <= 18):
        raise Problem("malformed", "Last-Event-ID must be the id of an event of this stream.")
    if applied.subscribers >= MOST:
        raise Problem("overloaded", headers={"Retry-After": "5"})
    subscription = applied.subscribe(frozenset({str(customer_id)}))
    try:
        await wait_for_tokens(call)
        reader: Reader = call.state.reader
        await reader.now(customer_id, call.now)
        # Beyond the end there is nothing to catch up with: a journal restored from a backup must not leave its readers waiting for ids it never gave.
        position = None if last is None else min(int(last), await timeline.end(reader.pool))
        await note_access(call, customer_id)
        yield Following(call, customer_id, subscription, position)
    finally:
        applied.unsubscribe(subscription)


@router.get(
    "/v1/customers/{customer_id}/stream",
    response_class=EventSourceResponse,
    responses=problems(400, 401, 403, 404, 410, 422, 503),
    openapi_extra={"parameters": [RESUMED, *AWAITED]},
)
async def stream_customer(following: Annotated[Following, Depends(_begin)]) -> AsyncIterable[ServerSentEvent]:
    """The customer live, as server-sent events: `event:` is `view` or an event's type, `id:` the position to resume from with `Last-Event-ID`.

    Ends after 15 minutes, after `erased`, and when the database is away: clients of this kind come back by themselves, with their `Last-Event-ID`.
    """
    try:
        async for sent in _told(following):
            yield sent
    except _AWAY as error:
        log.warning("a stream ends early", error=type(error).__name__)


async def _told(following: Following) -> AsyncIterator[ServerSentEvent]:
    call, subscription, clock = following.call, following.subscription, asyncio.get_running_loop().time
    shown, owed, until = "", True, clock() + LIFE
    while clock() < until:
        subscription.news.clear()
        began = time.time_ns()
        try:
            known, rows = await _look(following)
        except Gone:
            yield ServerSentEvent(raw_data="{}", event="erased", id=str(following.position or 0))
            return
        except NotFound:
            return
        members = frozenset(known.cluster.members)
        if call.customers is not None and str(call.principal.customer_id) not in members:
            return  # a merge was taken back: what this customer may see no longer is what she asked for
        for position, item, traceparent in rows:
            following.position = position
            yield ServerSentEvent(raw_data=await _text(call, item), event=item["type"], id=str(position))
            pushed(item, traceparent, began)
        owed = owed or bool(rows)
        if len(rows) == BATCH:
            continue
        view = await call.state.reader.shown(known, ())
        name = etag(view, [], None, None, call.may_see_personal)
        if owed or name != shown:
            shown, owed = name, False
            text = await _text(call, view | {"customer_id": str(following.customer_id), "etag": name})
            yield ServerSentEvent(raw_data=text, event="view", id=str(following.position))
        if members != subscription.customers:  # a merge or its reversal: from here on these ids are the customer, and what they did meanwhile was not told
            subscription.customers = members
            continue
        try:
            await asyncio.wait_for(subscription.news.wait(), LOOK_AGAIN)
        except TimeoutError:
            continue


def pushed(item: dict[str, Any], traceparent: str | None, began: int) -> None:
    """Where the request that caused the event is followed: it has arrived at somebody who watches."""
    if traceparent is not None:
        headers = {"traceparent": traceparent.encode(), "ce_id": str(item["event_id"]).encode(), "ce_type": item["type"].encode()}
        events("push", SpanKind.PRODUCER, began, [(headers, {})])


async def _look(following: Following) -> tuple[Known, list[tuple[int, dict[str, Any], str | None]]]:
    """The customer and the events after the last one sent, in one snapshot: the view holds these events and no later one, so its id is the last of them."""
    reader: Reader = following.call.state.reader
    async with reader.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        known = await reader.now(following.customer_id, following.call.now, connection, two_way=True)
        if following.position is None:
            following.position = await timeline.last_position(connection, known.cluster.members)
            return known, []
        return known, await timeline.after(connection, known.cluster.members, following.position, BATCH)


async def _text(call: Call, resource: dict[str, Any]) -> str:
    return (await rendered(resource, vault=call.chassis.vault, may_see=call.may_see_personal)).decode()
