"""Who has anything in common with this contact? Looked up by the keyed hashes of what several contacts may share, and of birthdays."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from crm_events.identifiers import scope
from crm_events.sealing import open_tree, sealed_key_ids
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore

from crm_contacts.cluster import clusters
from crm_contacts.contact import Contact, Identifier
from crm_contacts.identification import BORN, SHARED
from crm_contacts.match_rules import Person, Value, values
from crm_contacts.streams import CONTACTS

HUB = 20  # contacts that share one value: beyond, it is a shop's tablet or a test account, and shows nothing of anybody
BORN_TOGETHER = 200  # who was born on the same day, of a million some thirty
AT_MOST = 200  # contacts looked at at once: ten times those that may become one


class Moved(Exception):
    """A contact that the rules look at is changing. Look again."""


# One row a contact that has the value, one more than a hub may have: the claim is within the contact's stream, so its scope ends with the holder.
_HOLDERS = """
select asked.scope, asked.hash, found.holder, found.blocked from unnest($1::text[], $2::bytea[]) asked(scope, hash)
cross join lateral (select c.holder, c.scope = 'blocked:' || asked.scope || ':' || c.holder::text as blocked from claims c
  where c.hash = asked.hash and c.scope in (asked.scope || ':' || c.holder::text, 'blocked:' || asked.scope || ':' || c.holder::text) limit $3) found
"""


async def around(store: EventStore, contact_id: UUID) -> tuple[list[Person], dict[Value, int]]:
    """The contact, who shares a value with it, who shares a verified one with those, and so on; and all that are one customer with any of them.

    With how many contacts have each value, counted up to one more than a hub. Nobody, where the contact is not there, asked to be forgotten or is restricted.
    """
    people: dict[UUID, Person] = {}
    holders: Counter[Value] = Counter()
    todo = {contact_id}
    while todo and len(people) < AT_MOST:
        first = not people
        new = [each for each in await _people(store, todo - people.keys()) if each.id not in people]
        people |= {each.id: each for each in new}
        todo = await _sharing(store, [item for each in new for item in each.contact.identifiers if item.kind in SHARED and (first or item.verified)], holders)
        if first and contact_id in people:
            todo |= await _born_with(store, people[contact_id].contact.birthday)
        todo -= people.keys()
    await _sharing(store, [item for each in people.values() for item in each.contact.identifiers if item.kind in SHARED], holders)
    return list(people.values()), holders


async def opened(store: EventStore, loaded: Sequence[Loaded[Contact]]) -> list[Contact]:
    """Their states with the personal text opened; what cannot be opened any more is None."""
    fold = store.folds[CONTACTS.stream_type]
    sealed = [fold.python(each.state) for each in loaded]
    shown, _ = open_tree(sealed, await store.vault.keys_for_reading(sealed_key_ids(sealed)))
    return [fold.from_python(each) for each in shown]


async def _people(store: EventStore, ids: Iterable[UUID]) -> list[Person]:
    found = await clusters(store, ids)
    roots = {member: cluster.root for cluster in found.values() for member in cluster.members}
    loaded = [each for each in await store.read_many(CONTACTS, list(roots)) if each.state.registered_at and each.state.erasure is None]
    if any((each.state.merged is None) != (roots[each.stream_id] == each.stream_id) for each in loaded):
        raise Moved  # a merge, or its reversal, came between the two queries
    kept = {roots[each.stream_id] for each in loaded if each.state.restriction and each.state.restriction.holds}  # what is known of them is not used
    loaded = [each for each in loaded if roots[each.stream_id] not in kept]
    states = await opened(store, loaded)
    return [Person(part.stream_id, roots[part.stream_id], part.state.registered_at, state) for part, state in zip(loaded, states, strict=True)
            if part.state.registered_at]  # fmt: skip


async def _sharing(store: EventStore, items: Sequence[Identifier], holders: "Counter[Value]") -> set[UUID]:
    """Who has one of these, unless it is a hub's."""
    asked = {(scope(each.kind, each.system), each.normalised) for each in items if each.normalised} - holders.keys()
    hashes = {(place, store.hash(value)): (place, value) for place, value in asked}
    rows = await store.pool.fetch(_HOLDERS, [place for place, _ in hashes], [digest for _, digest in hashes], HUB + 1) if hashes else []
    found: dict[Value, set[UUID]] = {value: set() for value in asked}
    for row in rows:
        found[hashes[row["scope"], row["hash"]]].add(row["holder"])
    blocked = {hashes[row["scope"], row["hash"]] for row in rows if row["blocked"]}
    holders.update({value: HUB + 1 if value in blocked else len(ids) for value, ids in found.items()})
    return {each for value, ids in found.items() if holders[value] <= HUB for each in ids}


async def hubs(store: EventStore, person: Person, holders: Mapping[Value, int]) -> dict[Value, set[UUID]]:
    """What the contact has that more contacts have than one value may, or that was found so before; and who has it, themselves included."""
    crowded = [value for value, _ in values(person) if holders[value] > HUB]
    hashes = {(place, store.hash(value)): (place, value) for place, value in crowded}
    rows = await store.pool.fetch(_HOLDERS, [place for place, _ in hashes], [digest for _, digest in hashes], HUB + 1) if hashes else []
    found = {value: {person.id} for value in crowded}
    for row in rows:
        if not row["blocked"]:
            found[hashes[row["scope"], row["hash"]]].add(row["holder"])
    return found


async def _born_with(store: EventStore, birthday: str | None) -> set[UUID]:
    rows = await store.pool.fetch(_HOLDERS, [BORN], [store.hash(birthday)], BORN_TOGETHER) if birthday else []
    return {row["holder"] for row in rows}
