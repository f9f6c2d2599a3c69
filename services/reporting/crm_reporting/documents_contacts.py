"""What do the events of contacts say about one customer?"""

from collections.abc import Mapping
from typing import Any

from crm_reporting.entry import Entry
from crm_reporting.shapes import Document, each, earliest, fields, latest, least, most, total

SHAPE = fields(
    events=total,
    first=least,
    registered=earliest,
    profile=each(each(latest)),  # field → customer id: of merged ids each keeps what was told of it
    identifiers=each(fields(told=latest, verified=latest, removed=latest)),
    consents=each(each(fields(grant=latest, denial=latest, expiry=latest))),  # consent key → customer id
    preferences=each(latest),
    needs=each(latest),
    relationships=each(fields(told=latest, ended=latest)),
    merges=each(each(fields(told=latest, ended=latest))),  # absorbed customer id → merge id
    interactions=fields(count=total, channels=each(total), directions=each(total), last=most),
    notes=total,
    erasure=each(fields(requested=latest, erased=latest)),
)

UNTOLD: Mapping[str, Any] = {"type": "external_potential", "roles": []}  # as a registration has it by default
PROFILE = ("kind", "type", "roles", "name", "address", "birthday", "organisation_name", "language", "time_zone", "source")
PREFERENCES = {"preference.channel_set": "channel", "preference.language_set": "language", "preference.time_window_set": "time_windows"}


def delta(entry: Entry) -> Document:
    """The document that one event makes by itself."""
    return {"events": 1, "first": entry.occurred_at} | _said(entry)


def _said(entry: Entry) -> Document:
    told, at = entry.payload, [entry.occurred_at, entry.position]
    match entry.type:
        case "contact.registered":
            profile = _profile(entry)  # what a registration has where nobody told anything overwrites nothing that a merged id was told
            return {"registered": at, "profile": {name: told for name, told in profile.items() if told[entry.customer_id][2] != UNTOLD.get(name)}}
        case "contact.details_changed" | "contact.type_set":
            return {"profile": _profile(entry)}
        case "owner.assigned":
            return {"profile": {"owner_id": {entry.customer_id: [*at, told["agent_id"]]}}}
        case "contact.lifecycle_changed":
            return {"profile": {"lifecycle_stage": {entry.customer_id: [*at, told["stage"]]}}}
        case "contact.identifier_added":
            value = [entry.customer_id, told["kind"], told.get("system"), told["value"], told["normalised"]]
            return {"identifiers": {told["identifier_id"]: {"told": [*at, *value]}}}
        case "contact.identifier_verified":
            return {"identifiers": {told["identifier_id"]: {"verified": at}}}
        case "contact.identifier_removed":
            return {"identifiers": {told["identifier_id"]: {"removed": at}}}
        case "consent.granted":
            return _consent(entry, "grant", [*at, entry.event_id, "granted", told["effective_from"], told.get("effective_to")])
        case "consent.denied" | "consent.withdrawn":
            return _consent(entry, "denial", [*at, entry.event_id, entry.type.partition(".")[2], told["effective_from"], told.get("effective_to")])
        case "consent.expired":
            return _consent(entry, "expiry", [*at, entry.event_id])
        case "preference.channel_set" | "preference.language_set" | "preference.time_window_set":
            field = PREFERENCES[entry.type]
            return {"preferences": {field: [*at, told[field]]}}
        case "preference.frequency_cap_set":
            cap = None if told["count"] is None else {"count": told["count"], "per_days": told["per_days"]}
            return {"preferences": {"frequency_cap": [*at, cap]}}
        case "interaction.recorded":
            channels, directions = {told["channel"]: 1}, {told["direction"]: 1}
            return {"interactions": {"count": 1, "channels": channels, "directions": directions, "last": entry.occurred_at}}
        case "need.recorded":
            return {"needs": {told["need"]: [*at, told.get("weight"), told["need_id"]]}}
        case "note.added":
            return {"notes": 1}
        case "relationship.linked":
            return {"relationships": {entry.stream_id: {"told": [*at, entry.customer_id, told["kind"], told["other_id"]]}}}
        case "relationship.unlinked":
            return {"relationships": {entry.stream_id: {"ended": at}}}
        case "contact.merged":
            return {"merges": {entry.customer_id: {told["merge_id"]: {"told": [*at, told["survivor_id"]]}}}}
        case "contact.unmerged":
            return {"merges": {entry.customer_id: {told["merge_id"]: {"ended": at}}}}
        case "privacy.erasure_requested":
            return {"erasure": {entry.customer_id: {"requested": at}}}
        case "privacy.erased":
            return {"erasure": {entry.customer_id: {"erased": at}}}
        case _:  # contact.absorbed, contact.released: the absorbed one's document holds the edge
            return {}


def _profile(entry: Entry) -> dict[str, dict[str, list[Any]]]:
    told = entry.payload
    return {field: {entry.customer_id: [entry.occurred_at, entry.position, told[field]]} for field in PROFILE if field in told}


def _consent(entry: Entry, slot: str, register: list[Any]) -> Document:
    told = entry.payload
    key = f"{told['purpose']}|{told['channel']}|{told.get('identifier_id') or ''}"
    return {"consents": {key: {entry.customer_id: {slot: register}}}}


def edge(document: Document, customer_id: str) -> tuple[str, str] | None:
    """The id this customer is merged into, and since when; None where none is, or every merge was taken back."""
    standing = [merge["told"] for merge in document.get("merges", {}).get(customer_id, {}).values() if "told" in merge and "ended" not in merge]
    if not standing:
        return None
    at, _, survivor = max(standing, key=lambda told: (told[0], told[1]))
    return survivor, at
