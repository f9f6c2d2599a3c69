"""How far is the relation with a contact, what do they expect and value, whom else do they buy from, and when is it news?"""

from datetime import datetime
from uuid import UUID

from crm_events.event import Money
from crm_events.language.contacts import ContactEvent
from crm_events.language.valuing import CompetitorUseReported, ContactLifecycleChanged, ExpectationRecorded, Stage, StageCause, ValueWeightRecorded
from crm_events.refusals import Rejected

from crm_contacts.contact import Contact
from crm_contacts.profile import standing

STAGE = "stage"


def enter_stage(contact: Contact, *, stage: Stage, cause: StageCause, at: datetime, cause_event_id: UUID | None = None) -> list[ContactEvent]:
    """The relation enters a stage; the one it is in is nothing new. Told late it is kept, and does not overwrite what is newer.

    Raises Rejected `not-lost` for a contact won back that nobody had lost.
    """
    standing(contact)
    since = contact.told.get(STAGE)
    cause_known = {"cause_event_id": cause_event_id} if cause_event_id else {}
    if since and at < since:
        return [ContactLifecycleChanged(stage=stage, cause=cause, **cause_known)]
    if contact.stage == stage:
        return []
    if stage == "won_back" and contact.stage not in ("lost", "dormant"):
        raise Rejected("not-lost", "Only who was lost, or long silent, is won back. Tell that first.", lifecycle_stage=contact.stage)
    before = {"previous_stage": contact.stage, "previous_since": since} if contact.stage and since else {}
    return [ContactLifecycleChanged(stage=stage, cause=cause, **before, **cause_known)]


def record_expectation(contact: Contact, *, dimension: str, score: int, scale_min: int, scale_max: int) -> list[ContactEvent]:
    """How good they expect us to be; what they find later is asked by a survey."""
    standing(contact)
    return [ExpectationRecorded(dimension=dimension, score=score, scale_min=scale_min, scale_max=scale_max)]


def record_value_weight(contact: Contact, *, value: str, weight: int) -> list[ContactEvent]:
    """How much one value matters to them."""
    standing(contact)
    return [ValueWeightRecorded(value=value, weight=weight)]


def report_competitor_use(
    contact: Contact,
    *,
    category: str,
    competitor: str,
    brand: str | None = None,
    rank: int | None = None,
    of: int | None = None,
    spend: Money | None = None,
    period_days: int | None = None,
) -> list[ContactEvent]:
    """Whom else they buy from."""
    standing(contact)
    told = {"brand": brand, "rank": rank, "of": of, "spend": spend, "period_days": period_days}
    return [CompetitorUseReported(category=category, competitor=competitor, **{name: value for name, value in told.items() if value is not None})]
