"""What may be learnt of a contact over time: how far the relation is, what they expect and value, whom else they buy from?"""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from crm_events.event import Code, Event, Instant, Money, Whole
from crm_events.language.words import Maybe, Ordinal

Stage: TypeAlias = Literal["suspect", "prospect", "first_time", "repeat", "loyal", "advocate", "dormant", "lost", "won_back"]
StageCause: TypeAlias = Literal["purchase", "silence", "manual"]


class ContactLifecycleChanged(Event):
    """The relation entered another stage; `previous_since`: when it had entered the one before. A change told late names none."""

    type = "contact.lifecycle_changed"
    stage: Stage
    previous_stage: Maybe[Stage] = None
    previous_since: Maybe[Instant] = None
    cause: StageCause
    cause_event_id: Maybe[UUID] = None


class ExpectationRecorded(Event):
    """How good the contact expects us to be in one dimension, on a scale of their own."""

    type = "expectation.recorded"
    dimension: Code
    score: Whole
    scale_min: Whole
    scale_max: Whole


class ValueWeightRecorded(Event):
    """How much one value matters to the contact, 1–100."""

    type = "value_weight.recorded"
    value: Code
    weight: Annotated[int, Field(ge=1, le=100)]


class CompetitorUseReported(Event):
    """The contact buys a category from somebody else, too: in which place of how many, for how much in how many days."""

    type = "competitor_use.reported"
    category: Code
    brand: Maybe[Code] = None
    competitor: Code
    rank: Maybe[Ordinal] = None
    of: Maybe[Ordinal] = None
    spend: Maybe[Money] = None
    period_days: Maybe[Ordinal] = None
