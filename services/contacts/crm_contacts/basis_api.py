"""Whose data are kept though the only ground for it, a consent, is gone?"""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Instant, Resource
from crm_chassis.operations import query
from crm_chassis.paging import PageOf, Paging
from fastapi import APIRouter

from crm_contacts.access import Privacy
from crm_contacts.unbased import BEGIN, Place, without_basis

router = APIRouter(tags=["privacy"])


class UnbasedAnswer(Resource):
    """They allowed something once, nothing of it holds since `since`, and no purchase, question, right or offer keeps them known to us."""

    customer_id: UUID
    member_ids: list[UUID]
    since: Instant


@router.get("/v1/privacy/without-basis", **query(PageOf[UnbasedAnswer]))
async def list_without_basis(call: Privacy, page: Paging) -> Answer:
    """Who should be forgotten, or asked anew, those first who wait longest. A page may hold fewer than `limit`; `next` tells whether there are more.

    Where ERASE_WITHOUT_BASIS_AFTER_DAYS is set, they are forgotten by themselves after so many days.
    """
    after = Place(page.after[0], UUID(page.after[1])) if page.after else BEGIN
    found, more = await without_basis(call.store, after, page.limit)
    return await call.page(
        [UnbasedAnswer.model_validate(each, from_attributes=True) for each in found], [more.since, str(more.stream_id)] if more else None, page.limit
    )
