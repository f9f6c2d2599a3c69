"""What does reporting make of events told beside tickets? Each is in the journal, none becomes a ticket, and what is about nobody makes no customer."""

import json
import uuid
from typing import Any

import asyncpg
import pytest
from crm_events.examples import example
from crm_events.language.improvement import FeedbackEvent, IdeaEvent
from crm_events.language.service_work import FollowupEvent, WorkLogged
from crm_events.registry import REGISTRY
from crm_reporting.documents import decode
from crm_reporting.parking import parked
from crm_reporting.sections_service import service
from telling import Teller

TOLD = sorted(
    kind.type for kind in REGISTRY.values() if issubclass(kind.model, (WorkLogged, *FollowupEvent.__args__, *FeedbackEvent.__args__, *IdeaEvent.__args__))
)
NOBODYS = [type_ for type_ in TOLD if REGISTRY[type_].model.may_be_about_nobody]


def payload(type_: str) -> bytes:
    return json.dumps(example(type_, "").data).encode()


async def documents(connection: asyncpg.Connection) -> dict[str, Any]:
    return {str(row["customer_id"]): decode(row["doc"]) for row in await connection.fetch("select customer_id, doc from b1.document where source = 'tickets'")}


@pytest.mark.parametrize("type_", TOLD)
async def test_an_event_about_a_customer_is_journalled_and_is_no_ticket(connection: asyncpg.Connection, project: Any, type_: str) -> None:
    teller, customer = Teller(), uuid.uuid4()
    record = teller.record(type_, payload(type_), customer, source="tickets", stream=uuid.uuid4())
    await project([record])
    [row] = await connection.fetch("select type, customer_id, subject from journal")
    assert (row["type"], str(row["customer_id"]), str(row["subject"])) == (type_, str(customer), str(customer))
    assert await parked(connection, "b1") == []
    [document] = (await documents(connection)).values()
    assert document["events"] == 1 and "tickets" not in document and service(document, None, {})["open"] == 0


async def test_what_is_about_nobody_is_journalled_and_makes_no_customer(connection: asyncpg.Connection, project: Any) -> None:
    teller = Teller()
    await project([teller.record(type_, payload(type_), None, source="tickets", stream=uuid.uuid4()) for type_ in NOBODYS])
    rows = await connection.fetch("select type, customer_id, stream_id, subject from journal order by position")
    assert [row["type"] for row in rows] == NOBODYS
    assert all(row["subject"] is None and row["customer_id"] == row["stream_id"] for row in rows)
    assert await parked(connection, "b1") == [] and await documents(connection) == {}
    assert await connection.fetchval("select count(*) from reference_input") == 0, "nor is it an input of figures"
