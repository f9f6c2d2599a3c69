"""Which route gives a customer everything that is known of them, where it came from, and who has read it?"""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

import orjson
from crm_chassis.answer import rendered
from crm_chassis.call import Call, caller
from crm_chassis.openapi import problems
from crm_events.command import Command
from crm_events.event import utc_text
from crm_events.language.privacy import ReportingExportDelivered
from fastapi import APIRouter, Query, Security
from starlette.responses import Response, StreamingResponse

from crm_reporting.access_document import Document, Html, Json
from crm_reporting.audit import note_access
from crm_reporting.events_api import lines
from crm_reporting.events_page import Wanted, page
from crm_reporting.exporting import EXPORTS
from crm_reporting.fresh import wait_for_tokens
from crm_reporting.reading import Reader

A_PAGE = 200
READERS = 10_000  # the newest reads that are told

_READ = "select at, actor, operation, opened from access where customer_id = any($1::uuid[]) order by at desc limit $2"
_SCHEMA = {
    "type": "object",
    "title": "AccessDocument",
    "description": "`view`: as getCustomer shows it; `events`: every CloudEvent, the oldest journalled first; `read_by`: who read about them, newest first.",
    "required": ["customer_id", "member_ids", "made_at", "view", "events", "read_by"],
    "properties": {
        "customer_id": {"type": "string", "format": "uuid"},
        "member_ids": {"type": "array", "items": {"type": "string", "format": "uuid"}},
        "made_at": {"type": "string", "format": "date-time"},
        "view": {"type": "object", "additionalProperties": True},
        "events": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
        "read_by": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["at", "actor", "operation", "opened"],
                "properties": {
                    "at": {"type": "string", "format": "date-time"},
                    "actor": {"type": "string"},
                    "operation": {"type": "string"},
                    "opened": {"type": "boolean", "description": "personal fields were shown"},
                },
            },
        },
    },
}
_TOLD: dict[int | str, dict[str, Any]] = {
    200: {"description": "Everything.", "content": {"application/json": {"schema": _SCHEMA}, "text/html": {"schema": {"type": "string"}}}}
}

router = APIRouter(tags=["customers"])
Read = Annotated[Call, Security(caller, scopes=["reporting:read", "self"])]
Form = Annotated[Literal["json", "html"], Query(description="`html`: a page in Persian, for a person to read")]


@router.get("/v1/customers/{customer_id}/export", response_class=Response, responses=_TOLD | problems(400, 401, 403, 404, 410, 422, 503))
async def export_customer(
    customer_id: UUID,
    call: Read,
    form: Form = "json",
    request_id: Annotated[UUID | None, Query(description="the customer's request, of contacts' POST /v1/privacy/exports: it is answered by this")] = None,
) -> StreamingResponse:
    """Everything known of a customer: the view, every event of every service with its source, and who read it. Personal fields with `personal:read`.

    Cut off before its end it is no whole document: ask again. Read to its end with `request_id`, contacts hears that the request was answered.
    """
    call.own(customer_id)
    await wait_for_tokens(call)
    reader: Reader = call.state.reader
    known = await reader.now(customer_id, call.now, two_way=True)
    members = [UUID(member) for member in known.cluster.members]
    view = orjson.loads(await rendered(await reader.shown(known, ()), vault=call.chassis.vault, may_see=call.may_see_personal))
    head = {"customer_id": str(customer_id), "member_ids": list(map(str, members)), "made_at": utc_text(call.now), "view": view}
    await note_access(call, customer_id)
    document: Document = Html() if form == "html" else Json()
    return StreamingResponse(_pieces(call, document, head, members, request_id), media_type=document.media_type, headers={"Cache-Control": "no-store"})


async def _pieces(call: Call, document: Document, head: dict[str, Any], members: list[UUID], request_id: UUID | None) -> AsyncIterator[bytes]:
    yield document.begin(head)
    after, end = 0, 1
    wanted = Wanted(customers=[str(member) for member in members])
    while after < end:
        async with call.state.wide.acquire() as connection:
            found = await page(connection, wanted, after, A_PAGE)
        end = end if after else found.end  # as it was when it was begun: what is told meanwhile is in the next one
        after = found.next_after
        yield document.events([orjson.loads(line) for line in (await lines(call, found.rows)).splitlines()])
    async with call.state.wide.acquire() as connection:
        rows = await connection.fetch(_READ, members, READERS)
    yield document.end([dict(row) | {"at": utc_text(row["at"])} for row in rows])
    if request_id is not None:
        await _delivered(call, request_id, UUID(head["customer_id"]))


async def _delivered(call: Call, request_id: UUID, customer_id: UUID) -> None:
    event = ReportingExportDelivered(request_id=request_id, member_id=customer_id)
    command = Command(uuid5(request_id, "delivered"), b"delivered", call.actor)
    await call.store.handle(EXPORTS, uuid5(request_id, "export"), command, lambda known, _: [] if known.delivered else [event])
