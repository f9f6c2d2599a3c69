"""Who is this customer, what may we send, whom do they stand near to, and when did we last speak?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm_events.event import utc_text

from crm_reporting.documents_contacts import PROFILE, UNTOLD, edge
from crm_reporting.shapes import Document
from crm_reporting.surviving import surviving


def _told(registers: Mapping[str, list[Any]], name: str) -> Any:
    return registers[name][2] if name in registers else None


def days_since(moment: str, now: datetime) -> int:
    """Whole days, never below 0."""
    return max((now - datetime.fromisoformat(moment)).days, 0)


def profile(contacts: Document, customer_since: str | None, now: datetime | None) -> dict[str, Any] | None:
    """None where contacts never heard of the customer. `tenure_days` (KPI 15) counts from the first purchase, else enrolment.

    `other_values`: what was told of the merged ids and is not shown, see `surviving`.
    """
    registers = contacts.get("profile", {})
    identifiers = [shown for identity, told in sorted(contacts.get("identifiers", {}).items()) if (shown := _identifier(identity, told))]
    if not registers and not identifiers:
        return None
    verified = {one["member_id"] for one in identifiers if one["verified"]}
    chosen, others = surviving(registers, verified)
    shown = {name: chosen.get(name) for name in PROFILE} | {
        "type": chosen.get("type") or UNTOLD["type"],
        "roles": chosen.get("roles") or UNTOLD["roles"],
        "identifiers": sorted(identifiers, key=lambda one: (one["added_at"], one["id"])),
        "owner_id": chosen.get("owner_id"),
        "lifecycle_stage": chosen.get("lifecycle_stage"),
        "other_values": others,
        "registered_at": contacts["registered"][0] if "registered" in contacts else None,
    }
    return shown if now is None else shown | {"tenure_days": days_since(customer_since, now) if customer_since else None}


def _identifier(identity: str, told: Mapping[str, Any]) -> dict[str, Any] | None:
    if "told" not in told or ("removed" in told and told["removed"] > told["told"][:2]):
        return None
    added_at, _, member_id, kind, system, value, normalised = told["told"]
    names = {"id": identity, "member_id": member_id, "kind": kind, "system": system, "value": value, "normalised": normalised}
    return names | {"verified": "verified" in told, "added_at": added_at}


def consents(contacts: Document, now: datetime | None) -> list[dict[str, Any]]:
    """The standing of each key that was ever told: granted, denied, withdrawn or expired, since when, by which event."""
    shown = []
    for key, by_member in sorted(contacts.get("consents", {}).items()):
        purpose, channel, identifier_id = key.split("|")
        standing = _standing(contacts, by_member, utc_text(now) if now else None)
        if standing:
            shown.append({"purpose": purpose, "channel": channel, "identifier_id": identifier_id or None, **standing})
    return shown


def _standing(contacts: Document, by_member: Mapping[str, Mapping[str, Any]], now: str | None) -> dict[str, Any] | None:
    """The most restrictive wins: a grant stands against a denial only if it is later than the denial and than the joining of their two ids."""
    grants = [(member, told["grant"], told.get("expiry")) for member, told in by_member.items() if "grant" in told]
    denials = [(member, told["denial"]) for member, told in by_member.items() if "denial" in told]
    standing = [
        (member, grant, expiry)
        for member, grant, expiry in grants
        if all(grant[:2] > denial[:2] and (member == other or grant[0] > joined(contacts, member, other)) for other, denial in denials)
    ]
    if not standing:
        if not denials:
            return None
        _, (at, _, event_id, status, _, _) = max(denials, key=lambda found: found[1][:2])
        return {"status": status, "since": at, "event_id": event_id, "effective_to": None}
    valid = [(grant, expiry) for _, grant, expiry in standing if not _ended(grant, expiry, now)]
    if valid:
        at, _, event_id, status, _, until = max((grant for grant, _ in valid), key=lambda grant: grant[:2])
        return {"status": status, "since": at, "event_id": event_id, "effective_to": until}
    _, grant, expiry = max(standing, key=lambda found: found[1][:2])
    ended = expiry if expiry and expiry[:2] > grant[:2] else [grant[5], 0, grant[2]]
    return {"status": "expired", "since": ended[0], "event_id": ended[2], "effective_to": grant[5]}


def _ended(grant: list[Any], expiry: list[Any] | None, now: str | None) -> bool:
    return bool(expiry and expiry[:2] > grant[:2]) or bool(now and grant[5] and grant[5] <= now)


def joined(contacts: Document, one: str, other: str) -> str:
    """When two members became one customer: the latest merge on the path between them; "" where no path is known."""
    ways = [_way_up(contacts, member) for member in (one, other)]
    meeting = next((member for member in ways[0] if member in ways[1]), None)
    if meeting is None:
        return ""
    return max((at for way in ways for member, at in way.items() if member in _before(way, meeting)), default="")


def _way_up(contacts: Document, member: str) -> dict[str, str]:
    """The ids from a member to its root, each with the time of the edge that leaves it ("" at the root)."""
    way: dict[str, str] = {}
    while member not in way:
        found = edge(contacts, member)
        way[member] = found[1] if found else ""
        if not found:
            break
        member = found[0]
    return way


def _before(way: Mapping[str, str], meeting: str) -> set[str]:
    ids = list(way)
    return set(ids[: ids.index(meeting)])


def preferences(contacts: Document) -> dict[str, Any]:
    """What the customer likes; null = never told, or cleared."""
    registers = contacts.get("preferences", {})
    told = {name: _told(registers, name) for name in ("channel", "language", "frequency_cap")}
    return told | {"time_windows": _told(registers, "time_windows") or []}


def relationships(contacts: Document) -> list[dict[str, Any]]:
    """The customer's own links; the other side's come from facts."""
    shown = []
    for identity, told in sorted(contacts.get("relationships", {}).items()):
        if "told" in told and not ("ended" in told and told["ended"] > told["told"][:2]):
            since, _, member_id, kind, other_id = told["told"]
            shown.append({"id": identity, "member_id": member_id, "kind": kind, "other_id": other_id, "since": since})
    return shown


def contact(contacts: Document, last_message: str | None, now: datetime | None) -> dict[str, Any]:
    """KPI 28: last contact = the latest interaction or public ticket message, either direction."""
    told = contacts.get("interactions", {})
    last = max((moment for moment in (told.get("last"), last_message) if moment), default=None)
    shown = {
        "interactions": told.get("count", 0),
        "last_contact_at": last,
        "by_channel": told.get("channels", {}),
        "by_direction": told.get("directions", {}),
        "two_way_ratio": None,
    }
    return shown if now is None else shown | {"days_since_last_contact": days_since(last, now) if last else None}
