"""How does a customer ask to be forgotten, how far is it, and who proves it?"""

from datetime import datetime
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_events.language.contacts import PrivacyErased, PrivacyErasureRequested
from crm_events.refusals import Invalid, NotFound, Rejected
from crm_events.store.store import EventStore
from fastapi import APIRouter

from crm_contacts import certifying
from crm_contacts.access import Privacy
from crm_contacts.bodies import AcknowledgementBody, ErasureBody
from crm_contacts.certificate import Signer
from crm_contacts.certifying import Erasure, erasure_of
from crm_contacts.forgetting import forget
from crm_contacts.privacy_request import PRIVACY_REQUESTS, SERVICES, Certificate
from crm_contacts.privacy_shapes import AcknowledgementAnswer, CertificateAnswer, ErasureAnswer
from crm_contacts.settings import ContactsSettings
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["privacy"])


@router.post("/v1/privacy/erasures", **command(ErasureAnswer))
async def request_erasure(body: ErasureBody, call: Privacy) -> Answer:
    """From now on nothing personal of this customer, in whichever contact, can be written or read; the keys are destroyed within a minute."""
    done = await forget(call.store, body.customer_id, call.command(body))
    found = done.part.state.erasure
    if found is None:
        raise AssertionError("who asked to be forgotten has a request")
    return await call.answer(done, await _erasure(call, found), created=f"/v1/privacy/erasures/{found}")


@router.post("/v1/privacy/erasures/{erasure_id}/acknowledgements", **command(ErasureAnswer))
async def acknowledge_erasure(erasure_id: UUID, body: AcknowledgementBody, call: Privacy) -> Answer:
    """Another system that keeps copies of customers says that this one is gone from it. Said twice, it is nothing new.

    Said before the erasure is done, it would be of copies made since: 409 `rejected`, rule `not-erased-yet`.
    """
    found = await _found(call.store, erasure_id)
    if body.service not in _settings(call).owed:
        raise Invalid("/service", "unknown", "Nobody of this name has to acknowledge erasures: it is no name in ERASURE_SUBSCRIBERS.")
    if found.erasing:
        raise Rejected("not-erased-yet", "The keys are not gone yet. Wait for `privacy.erased`, or for the state `erased`, look once more, and send it then.")
    await certifying.note(call.store, found, call.command(body), service=body.service, members=found.members, counts=body.counts)
    return await call.show(await _erasure(call, erasure_id))


@router.get("/v1/privacy/erasures/{erasure_id}", **query(ErasureAnswer))
async def get_erasure(erasure_id: UUID, call: Privacy) -> Answer:
    """How far it is, who has obeyed, and the certificate once everybody has."""
    return await call.show(await _erasure(call, erasure_id))


async def _found(store: EventStore, erasure_id: UUID) -> Erasure:
    found = await erasure_of(store, erasure_id)
    if found is None:
        raise NotFound("There is no erasure of this id.")
    return found


def _settings(call: Call) -> ContactsSettings:
    settings: ContactsSettings = call.state.settings
    return settings


async def _erasure(call: Call, erasure_id: UUID) -> ErasureAnswer:
    found, settings = await _found(call.store, erasure_id), _settings(call)
    facts = [each.fact for each in await call.store.history(CONTACTS, found.root)]
    erased_at = None if found.erasing else next((fact.occurred_at for fact in facts if isinstance(fact.event, PrivacyErased)), None)
    request = (await call.store.read(PRIVACY_REQUESTS, erasure_id)).state
    awaited = dict.fromkeys(service for service, _ in request.lacks(found.members, (*SERVICES, *settings.owed)))
    return ErasureAnswer(
        id=erasure_id,
        state="erased" if not found.erasing else "destroying" if found.destroyed else "requested",
        customer_id=found.root,
        member_ids=list(found.members),
        requested_at=next(fact.occurred_at for fact in facts if isinstance(fact.event, PrivacyErasureRequested)),
        erased_at=erased_at,
        acknowledgements=[AcknowledgementAnswer.model_validate(each, from_attributes=True) for each in request.acknowledged],
        awaiting=[] if request.certificate else list(awaited),
        certificate=_certificate(erasure_id, request.certificate, erased_at, settings) if request.certificate and erased_at else None,
    )


def _certificate(erasure_id: UUID, certificate: Certificate, erased_at: datetime, settings: ContactsSettings) -> CertificateAnswer:
    told = {name: getattr(certificate, name) for name in ("member_ids", "acknowledged_by", "counts", "scan", "issued_at", "signature")}
    return CertificateAnswer(erasure_id=erasure_id, erased_at=erased_at, public_key=Signer(settings.master_key_bytes).public_key, **told)
