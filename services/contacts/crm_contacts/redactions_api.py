"""How is what one event said of a customer made unreadable, while the event, its time and its codes stay?"""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_events.refusals import NotFound, Rejected
from crm_events.store.loading import Loaded
from fastapi import APIRouter

from crm_contacts.access import Privacy
from crm_contacts.bodies import RedactionBody
from crm_contacts.cluster import clusters, must_stand
from crm_contacts.privacy_shapes import RedactionAnswer
from crm_contacts.redaction import REDACTIONS, Redaction, redact, redaction_id

router = APIRouter(tags=["privacy"])

_KIND = "select type from events where event_id = $1"
FOUND_BY = {"contact.registered", "contact.details_changed", "contact.identifier_added"}  # hashes of what they say are kept beside the events


@router.post("/v1/privacy/redactions", **command(RedactionAnswer))
async def redact_event(body: RedactionBody, call: Privacy) -> Answer:
    """From now on, within seconds everywhere, the personal fields of this one event read as `null`: a note or message that should not have been written.

    The event may be of any service: its id is in the timeline. An id of no event of this customer is taken, and hides nothing. What an
    identifier or a name says is changed instead: 409 `rejected`, rule `change-instead`.
    """
    await must_stand(call.store, body.customer_id)
    if await call.store.pool.fetchval(_KIND, body.event_id) in FOUND_BY:
        raise Rejected("change-instead", "The contact is found by what this event says. Change the name, or remove the identifier.")
    members = (await clusters(call.store, [body.customer_id]))[body.customer_id].members
    await call.store.vault.redact((member, body.event_id) for member in members)  # before it is told: what is told is true
    done = await call.store.handle(
        REDACTIONS,
        redaction_id(body.customer_id, body.event_id),
        call.command(body),
        lambda known, _: redact(known, event_id=body.event_id, member_ids=members, reason=body.reason),
        key=body.customer_id,
    )
    return await call.answer(done, _answer(done.part), created=f"/v1/privacy/redactions/{done.part.stream_id}")


@router.get("/v1/privacy/redactions/{redaction_id}", **query(RedactionAnswer))
async def get_redaction(redaction_id: UUID, call: Privacy) -> Answer:
    """Which event, since when, and why."""
    loaded = await call.store.read(REDACTIONS, redaction_id)
    if not loaded.version:
        raise NotFound("There is no redaction of this id.")
    return await call.show(_answer(loaded), version=loaded.version)


def _answer(loaded: Loaded[Redaction]) -> RedactionAnswer:
    state = loaded.state
    if state.event_id is None or state.redacted_at is None or loaded.recorded_at is None:
        raise AssertionError("only a redaction that was asked for is shown")
    return RedactionAnswer(
        id=loaded.stream_id, version=loaded.version, customer_id=loaded.customer_id, event_id=state.event_id,
        reason=state.reason, occurred_at=state.redacted_at, recorded_at=loaded.recorded_at,
    )  # fmt: skip
