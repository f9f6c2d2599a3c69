"""How does a customer ask what is known of them, and were they told in time? Reporting, which knows it all, tells them; the request is kept here."""

from datetime import timedelta
from functools import partial
from uuid import UUID, uuid5

import orjson
from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.follower import Handler
from crm_events.language.privacy import ReportingExportDelivered
from crm_events.lease import Connection
from crm_events.refusals import NotFound
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts import privacy_request
from crm_contacts.access import Privacy
from crm_contacts.bodies import ExportBody, ExportRefusalBody
from crm_contacts.cluster import clusters, must_stand
from crm_contacts.privacy_request import PRIVACY_REQUESTS, PrivacyRequest
from crm_contacts.privacy_shapes import ExportAnswer

router = APIRouter(tags=["privacy"])

IN_TIME = timedelta(days=30)  # a month, as the European regulation gives (article 12)
DELIVERED = ReportingExportDelivered.type


@router.post("/v1/privacy/exports", **command(ExportAnswer))
async def request_export(body: ExportBody, call: Privacy) -> Answer:
    """The customer is to be told everything that is known of them: reporting's export, read with this request's id, answers it."""
    await must_stand(call.store, body.customer_id)
    request_id = body.id or uuid7()
    done = await call.store.handle(
        PRIVACY_REQUESTS, request_id, call.command(body), lambda request, _: privacy_request.ask(request, request_id=request_id), key=body.customer_id
    )
    return await call.answer(done, _answer(done.part), created=f"/v1/privacy/exports/{done.part.stream_id}")


@router.post("/v1/privacy/exports/{export_id}/refusal", **command(ExportAnswer))
async def refuse_export(export_id: UUID, body: ExportRefusalBody, call: Privacy) -> Answer:
    """They are not told, and why: 409 `rejected` once they were (`already-answered`)."""
    await _of(call.store, export_id)
    told = call.command(body)
    done = await call.store.handle(
        PRIVACY_REQUESTS, export_id, told, lambda request, _: privacy_request.refuse(request, request_id=export_id, reason=body.reason)
    )
    return await call.answer(done, _answer(done.part))


@router.get("/v1/privacy/exports/{export_id}", **query(ExportAnswer))
async def get_export(export_id: UUID, call: Privacy) -> Answer:
    """Were they told, and by when must they be?"""
    loaded = await _of(call.store, export_id)
    return await call.show(_answer(loaded), version=loaded.version)


def deliveries(store: EventStore) -> dict[str, Handler]:
    """The handler of what reporting says of requests it answered."""
    return {DELIVERED: partial(_delivered, store)}


async def _delivered(store: EventStore, _: Connection, record: Record) -> None:
    told = orjson.loads(record.value)
    request_id, customer_id = UUID(told["request_id"]), UUID(told["member_id"])
    loaded = await store.read(PRIVACY_REQUESTS, request_id)
    if not loaded.version or customer_id not in (await clusters(store, [loaded.customer_id]))[loaded.customer_id].members:
        return  # somebody else's data answer nobody's request
    command = Command(uuid5(record.event_id, "delivered"), b"delivered", "follower", causation_id=record.event_id)
    await store.handle(PRIVACY_REQUESTS, request_id, command, lambda request, _: privacy_request.answer(request, request_id=request_id))


async def _of(store: EventStore, export_id: UUID) -> Loaded[PrivacyRequest]:
    loaded = await store.read(PRIVACY_REQUESTS, export_id)
    if loaded.state.asked_at is None:
        raise NotFound("There is no export of this id.")
    return loaded


def _answer(loaded: Loaded[PrivacyRequest]) -> ExportAnswer:
    request = loaded.state
    if request.asked_at is None or loaded.recorded_at is None:
        raise AssertionError("only a request that was made is shown")
    return ExportAnswer(
        id=loaded.stream_id, version=loaded.version, state="exported" if request.exported_at else "refused" if request.refused_at else "requested",
        customer_id=loaded.customer_id, occurred_at=request.asked_at, due_at=request.asked_at + IN_TIME, exported_at=request.exported_at,
        refused_at=request.refused_at, reason=request.reason, recorded_at=loaded.recorded_at,
    )  # fmt: skip
