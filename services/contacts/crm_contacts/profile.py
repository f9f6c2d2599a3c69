"""What may be said about a contact, and when is it news?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_events.identifiers import Recognised
from crm_events.language.consent import (
    PreferenceChannelSet,
    PreferenceFrequencyCapSet,
    PreferenceLanguageSet,
    PreferenceTimeWindowSet,
    TimeWindow,
)
from crm_events.language.contacts import (
    ContactDetailsChanged,
    ContactEvent,
    ContactKind,
    ContactRegistered,
    ContactType,
    ContactTypeSet,
    NeedRecorded,
    NoteAdded,
    OwnerAssigned,
    Role,
    Source,
)
from crm_events.refusals import AlreadyExists, Gone, NotFound

from crm_contacts.contact import Contact, Window
from crm_contacts.identification import added


def standing(contact: Contact) -> Contact:
    """The contact, if there is one to speak of. Raises NotFound, or Gone once its erasure was asked for."""
    if contact.erasure is not None:
        raise Gone("This customer was erased.")
    if contact.registered_at is None:
        raise NotFound("There is no contact of this id.")
    return contact


def register(
    contact: Contact,
    *,
    contact_id: UUID,
    kind: ContactKind,
    type: ContactType,  # noqa: A002  the field's name everywhere
    roles: Sequence[Role] = (),
    name: str | None = None,
    language: str | None = None,
    time_zone: str | None = None,
    source: Source | None = None,
    identifiers: Iterable[tuple[UUID, Recognised]] = (),
) -> list[ContactEvent]:
    """A contact becomes known, with what it is known by. AlreadyExists, if the id is taken; Gone, if it was erased."""
    if contact.erasure is not None:
        raise Gone("This customer was erased; the id cannot be used again.")
    if contact.registered_at is not None:
        raise AlreadyExists("A contact of this id is registered already.", contact_id)
    told = {"name": name, "language": language, "time_zone": time_zone, "source": source}
    events: list[ContactEvent] = [
        ContactRegistered(kind=kind, contact_type=type, roles=in_order(roles), **{each: value for each, value in told.items() if value is not None})
    ]
    distinct = {(item.scope, item.normalised): (identifier_id, item) for identifier_id, item in reversed(list(identifiers))}
    return events + [added(identifier_id, item) for identifier_id, item in reversed(list(distinct.values()))]


def change_details(
    contact: Contact,
    *,
    details: Mapping[str, str | None],
    type: ContactType | None = None,  # noqa: A002
    roles: Sequence[Role] | None = None,
) -> list[ContactEvent]:
    """Only what differs becomes an event; None clears a detail. `details`: any of `contact.DETAILS`."""
    standing(contact)
    events: list[ContactEvent] = []
    if changed := {name: value for name, value in details.items() if getattr(contact, name) != value}:
        events.append(ContactDetailsChanged(**changed))
    new_type, new_roles = type or contact.type, contact.roles if roles is None else in_order(roles)
    if (new_type, new_roles) != (contact.type, contact.roles):
        events.append(ContactTypeSet(contact_type=new_type, previous_type=contact.type, roles=new_roles))
    return events


def set_preferences(contact: Contact, *, told: Mapping[str, Any]) -> list[ContactEvent]:
    """`told`: any of channel, language (str or None), time_windows (Windows or None), frequency_cap ((count, per_days) or None).

    Only what differs becomes an event.
    """
    known, events = standing(contact).preferences, list[ContactEvent]()
    if "channel" in told and told["channel"] != known.channel:
        events.append(PreferenceChannelSet(channel=told["channel"]))
    if "language" in told and told["language"] != known.language:
        events.append(PreferenceLanguageSet(language=told["language"]))
    if "time_windows" in told and (windows := tuple(told["time_windows"] or ())) != known.time_windows:
        events.append(PreferenceTimeWindowSet(time_windows=tuple(map(_window, windows))))
    if "frequency_cap" in told and (cap := told["frequency_cap"] or (None, None)) != (known.count, known.per_days):
        events.append(PreferenceFrequencyCapSet(count=cap[0], per_days=cap[1]))
    return events


def assign_owner(contact: Contact, *, agent_id: str | None) -> list[ContactEvent]:
    """An agent looks after the contact; None: nobody."""
    before = standing(contact).owner_id
    return [] if before == agent_id else [OwnerAssigned(agent_id=agent_id, previous_agent_id=before)]


def add_note(contact: Contact, *, note_id: UUID, text: str) -> list[ContactEvent]:
    """Something written down about the contact; kept in its history only."""
    standing(contact)
    return [NoteAdded(note_id=note_id, text=text)]


def record_need(contact: Contact, *, need_id: UUID, need: str, weight: int | None = None) -> list[ContactEvent]:
    """A need the contact told of; `weight` 1 to 100."""
    standing(contact)
    return [NeedRecorded(need_id=need_id, need=need, weight=weight)]


def in_order(roles: Sequence[Role]) -> tuple[Role, ...]:
    """Roles are a set: each once, in one order."""
    return tuple(sorted(set(roles)))


def _window(window: Window) -> TimeWindow:
    return TimeWindow(days=window.days, starts=window.starts, ends=window.ends, time_zone=window.time_zone)
