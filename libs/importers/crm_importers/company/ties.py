"""Who belongs to whom, and which two contacts turned out to be one? Relationships, duplicates and their merges."""

from collections.abc import Iterator
from datetime import timedelta

from crm_importers.command import Command, about_contact, creation, id_of, instant
from crm_importers.company.contacts import DOMAIN
from crm_importers.company.person import ORGANISATION_EVERY, Company, Person, person


def duplicate(company: Company, who: Person) -> Iterator[Command]:
    """The second contact: another address, one message; the name as it is written, while the first came from another keyboard."""
    twin, at = company.id(who.index, "duplicate"), company.end - timedelta(days=45)
    body = {
        "id": twin, "kind": "person", "type": "external_actual", "name": who.name, "language": who.language,
        "identifiers": [{"kind": "email", "value": f"{who.mailbox}.work@{DOMAIN}"}], "source": {"system": "fair"}, "occurred_at": instant(at),
    }  # fmt: skip
    yield creation("contacts", "registerContact", body, ("company", company.seed, who.index, "duplicate"))
    said = {"id": company.id(who.index, "duplicate", "interaction"), "channel": "in_person", "direction": "inbound", "occurred_at": instant(at)}
    yield about_contact(twin, "recordInteraction", ("company", company.seed, who.index, "duplicate", "recordInteraction"), said)


def merge_id(company: Company, index: int) -> str:
    """The id of the merge of this customer's two contacts."""
    return company.id(index, "merge")


def merge(company: Company, who: Person) -> Command:
    """The two become one customer."""
    body = {
        "id": merge_id(company, who.index), "survivor_id": who.id, "absorbed_id": company.id(who.index, "duplicate"),
        "reason": "The same person wrote from a second address.", "occurred_at": instant(company.end - timedelta(days=20)),
    }  # fmt: skip
    return Command("contacts", "mergeContacts", who.id, id_of("company", company.seed, who.index, "mergeContacts"), {}, body)


def relationship(company: Company, who: Person) -> Command | None:
    """A third of the people stand in a relation to an earlier customer: they work there, share a household, or were sent by them."""
    chance = company.random(who.index, "relationship")
    if who.index == 0 or who.kind == "organisation" or chance.random() > 0.33:
        return None
    employers = range(ORGANISATION_EVERY - 1, who.index, ORGANISATION_EVERY)
    kind, other = ("works_for", chance.choice(employers)) if employers and chance.random() < 0.4 else (chance.choice(("household", "referred_by")), 0)
    if kind != "works_for":
        other = 0 if who.index == 1 else chance.randrange(max(0, who.index - 30), who.index)
    since = max(who.joined, person(company, other).joined) + timedelta(hours=1)
    body = {"id": company.id(who.index, "relationship"), "kind": kind, "other_id": person(company, other).id, "occurred_at": instant(min(since, company.end))}
    return about_contact(who.id, "linkRelationship", ("company", company.seed, who.index, "linkRelationship"), body)
