"""What may be sent to a contact, and what do they prefer?

A grant or denial holds for one key: purpose, channel and, where it names one, an identifier (never the address itself).
"""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field

from crm_events.event import Code, Event, Instant, PersonalText, Value
from crm_events.language.words import Day, Maybe, Ordinal, TimeOfDay

ConsentPurpose: TypeAlias = Literal["marketing", "service", "survey", "profiling", "sharing"]
ConsentChannel: TypeAlias = Literal["email", "sms", "phone", "post", "push", "any"]
ConsentStatus: TypeAlias = Literal["granted", "denied", "withdrawn"]


class ConsentTold(Event):
    """What a contact said about one consent key. `effective_from` and `effective_to` bound it; `text_version` is the text it was said to."""

    purpose: ConsentPurpose
    channel: ConsentChannel
    identifier_id: Maybe[UUID] = None
    text_version: Code
    evidence: Maybe[PersonalText] = None
    double_opt_in_at: Maybe[Instant] = None
    effective_from: Instant
    effective_to: Maybe[Instant] = None


class ConsentGranted(ConsentTold):
    """The contact allows it."""

    type = "consent.granted"


class ConsentDenied(ConsentTold):
    """The contact refuses it."""

    type = "consent.denied"


class ConsentWithdrawn(ConsentTold):
    """The contact takes an earlier grant back."""

    type = "consent.withdrawn"


class ConsentExpired(Event):
    """A grant reached its `effective_to`."""

    type = "consent.expired"
    purpose: ConsentPurpose
    channel: ConsentChannel
    identifier_id: Maybe[UUID] = None


class PreferenceChannelSet(Event):
    """The channel the contact likes to be reached by; `null` = none."""

    type = "preference.channel_set"
    channel: Code | None


class PreferenceLanguageSet(Event):
    """The language of what we send; `null` = the profile's."""

    type = "preference.language_set"
    language: Code | None


class TimeWindow(Value):
    """Hours of the week in which the contact may be reached."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)
    days: tuple[Day, ...]
    starts: TimeOfDay = Field(alias="from")  # no name for a field in Python
    ends: TimeOfDay = Field(alias="to")
    time_zone: Code


class PreferenceTimeWindowSet(Event):
    """All windows the contact may be reached in; none = any hour."""

    type = "preference.time_window_set"
    time_windows: tuple[TimeWindow, ...]


class PreferenceFrequencyCapSet(Event):
    """At most `count` messages in `per_days` days; both `null` = no cap."""

    type = "preference.frequency_cap_set"
    count: Annotated[int, Field(ge=0, le=10_000)] | None
    per_days: Ordinal | None
