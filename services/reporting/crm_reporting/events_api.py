"""Which route hands out every event there is, in the journal's order? For those without Kafka, and for those who may see personal fields."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
from crm_chassis.answer import rendered
from crm_chassis.bulk import NDJSON
from crm_chassis.call import Call, caller
from crm_chassis.openapi import problems
from crm_events.topics import SOURCES
from fastapi import APIRouter, Query, Security
from starlette.responses import Response

from crm_reporting import timeline
from crm_reporting.asking import misfit, words
from crm_reporting.audit import Audit
from crm_reporting.reading import Reader
from crm_reporting.webhooks.events import COLUMNS, cloud_event, withheld

MOST = 1_000  # lines an answer
FAR = 20_000  # journal rows one answer looks at: a filter that nothing fits must not read all there is

# A customer's events are few and have an index of their own: `offset 0` keeps the planner from walking the whole journal by id.
_OF_ONE = "(select * from journal where customer_id = $6 offset 0)"
_ROWS = """
select {columns} from {journal} j where id > $1 and id <= $2 and ($3::text[] is null or type = any($3)) and ($4::text[] is null or source = any($4))
order by id limit $5
"""
_ERASED = "select customer_id::text as customer_id from erased where customer_id = any($1::uuid[])"
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
    types: Words = None,
    source: Words = None,
    customer_id: Annotated[UUID | None, Query(description="events keyed by this id; of merged ids each has its own")] = None,
) -> Response:
    """Every event after a place in the journal, as NDJSON: no gap, no repeat, each customer's in order. With `personal:read` sealed fields are opened.

    Who goes on with Next-After misses nothing; what is not there yet is there later. Fields of the erased stay closed: null, named in `redacted`.
    Each read is on record.
    """
    sources = words(source, "source", allowed=SOURCES)
    reader: Reader = call.state.reader
    end = await timeline.end(reader.pool)
    if after > end:
        raise misfit("after", "beyond-the-end", f"The journal ends at {end}: this place is of another journal. Begin again, from 0 or from {end}.")
    horizon = end if customer_id else min(end, after + FAR)
    query = _ROWS.format(columns=COLUMNS, journal=_OF_ONE if customer_id else "journal")
    rows = await reader.pool.fetch(query, after, horizon, words(types, "types") or None, sources or None, limit, *([customer_id] if customer_id else []))
    following = rows[-1]["id"] if len(rows) == limit else horizon
    _note(call, rows)
    return Response(await _lines(call, rows), media_type=NDJSON, headers={"Next-After": str(following), "Journal-End": str(end), "Cache-Control": "no-store"})


async def _lines(call: Call, rows: list[asyncpg.Record]) -> bytes:
    reader: Reader = call.state.reader
    subjects = list({row["subject"] for row in rows if row["subject"] is not None})
    erased = {row["customer_id"] for row in await reader.pool.fetch(_ERASED, subjects)}  # from the moment they asked, though their keys live a little longer
    told = dict[int, Any]()
    for some, may_see in ((False, call.may_see_personal), (True, False)):
        raw = [_line(row, call.state.settings.url) for row in rows if (row["subject"] in erased) is some]
        shown = orjson.loads(await rendered({"items": raw}, vault=call.chassis.vault, may_see=may_see))
        told |= {item["journalid"]: item for item in shown["items"]}
    return b"".join(orjson.dumps(told[row["id"]]) + b"\n" for row in rows)


def _line(row: asyncpg.Record, base: str) -> dict[str, Any]:
    event = cloud_event(row, base) | {"journalid": row["id"]}
    why = withheld(row)
    return event | {"data": None, "withheld": why} if why else event


def _note(call: Call, rows: list[asyncpg.Record]) -> None:
    audit: Audit = call.state.audit
    for subject in {row["subject"] for row in rows if row["subject"] is not None}:
        audit.note(call.actor, UUID(subject), call.operation, call.request_id, opened=call.may_see_personal)
