"""Which route hands out every event there is, in the journal's order? For those without Kafka, and for those who may see personal fields."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
from crm_chassis.answer import rendered
from crm_chassis.audit import Audit, Row
from crm_chassis.body import Moment
from crm_chassis.bulk import NDJSON
from crm_chassis.call import Call, caller
from crm_chassis.openapi import problems
from crm_events.lease import Connection
from crm_events.topics import SOURCES
from fastapi import APIRouter, Query, Security
from starlette.responses import Response

from crm_reporting.asking import misfit, words
from crm_reporting.clusters import members, roots
from crm_reporting.events_page import Beyond, Wanted, page
from crm_reporting.reading import Reader
from crm_reporting.webhooks.asking import check_types
from crm_reporting.webhooks.events import cloud_event, withheld
from crm_reporting.webhooks.planning import like

MOST = 1_000  # lines an answer

_LINES = {
    "type": "string",
    "title": "EventLines",
    "description": "A CloudEvent a line, as on the topic, with `journalid`; `withheld` instead of `data` where an event cannot be read.",
}
_HEADERS = {
    "Next-After": {"description": "Ask on with `after` = this; equal to Journal-End: there is no more yet.", "schema": {"type": "integer"}},
    "Journal-End": {"description": "The journal's last id when this was read.", "schema": {"type": "integer"}},
}
_TOLD: dict[int | str, dict[str, Any]] = {200: {"content": {NDJSON: {"schema": _LINES}}, "headers": _HEADERS, "description": "The next events."}}
_ANSWERS = _TOLD | problems(400, 401, 403, 422, 503)

router = APIRouter(tags=["events"])
Read = Annotated[Call, Security(caller, scopes=["reporting:read"])]
Words = Annotated[str | None, Query(max_length=2000)]


@router.get(
    "/v1/events",
    response_class=Response,
    responses=_ANSWERS,
)
async def list_events(
    call: Read,
    after: Annotated[int, Query(ge=0, le=2**62, description="the last `journalid` seen, or Next-After; 0 = from the first event")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 200,
    types: Annotated[str | None, Query(max_length=2000, description="`ticket.resolved`, `ticket.*`, with commas between")] = None,
    source: Words = None,
    customer_id: Annotated[UUID | None, Query(description="events about this customer and the ids merged with theirs")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="recorded at this moment or later")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="recorded before this moment")] = None,
) -> Response:
    """Every event after a place in the journal, as NDJSON: no gap, no repeat, each customer's in order. With `personal:read` sealed fields are opened.

    Who goes on with Next-After misses nothing; what is not there yet is there later. Fields of the erased stay closed: null, named in `redacted`.
    Whom a read is about is on record before it is answered.
    """
    patterns, sources = words(types, "types"), words(source, "source", allowed=SOURCES)
    check_types(patterns, lambda place: misfit("types", "unknown-type", f"No service tells of the type at place {place + 1}; see the catalogue of events."))
    reader: Reader = call.state.reader
    async with call.state.wide.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        customers = None if customer_id is None else await _merged(reader, connection, str(customer_id))
        wanted = Wanted([like(each) for each in patterns] or None, sources or None, customers, since, until)
        try:
            found = await page(connection, wanted, after, limit)
        except Beyond as beyond:
            detail = f"The journal ends at {beyond.end}: this place is of another journal. Begin again, from 0 or from {beyond.end}."
            raise misfit("after", "beyond-the-end", detail) from None
    content = await lines(call, found.rows)
    await _note(call, found.rows)
    head = {"Next-After": str(found.next_after), "Journal-End": str(found.end), "Cache-Control": "no-store"}
    return Response(content, media_type=NDJSON, headers=head)


async def _merged(reader: Reader, connection: Connection, customer_id: str) -> list[str]:
    build = await reader.build()
    root = (await roots(connection, build, [customer_id]))[customer_id]
    return (await members(connection, build, [root]))[root]


async def lines(call: Call, rows: Sequence[asyncpg.Record]) -> bytes:
    """A CloudEvent a line, opened for who may see it."""
    told = dict[int, Any]()
    for erased, may_see in ((False, call.may_see_personal), (True, False)):  # from the moment they asked, though their keys live a little longer
        raw = [_line(row, call.state.settings.url) for row in rows if row["erased"] is erased]
        shown = orjson.loads(await rendered({"items": raw}, vault=call.chassis.vault, may_see=may_see))
        told |= {item["journalid"]: item for item in shown["items"]}
    return b"".join(orjson.dumps(told[row["id"]]) + b"\n" for row in rows)


def _line(row: asyncpg.Record, base: str) -> dict[str, Any]:
    event = cloud_event(row, base) | {"journalid": row["id"]}
    why = withheld(row)
    return event | {"data": None, "withheld": why} if why else event


async def _note(call: Call, rows: Sequence[asyncpg.Record]) -> None:
    audit: Audit = call.state.audit
    about = {UUID(row["subject"]) for row in rows if row["subject"] is not None}
    await audit.write_now([Row(call.actor, who, call.operation, call.request_id, call.may_see_personal) for who in about])
