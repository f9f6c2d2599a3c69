"""Which contacts are one customer now, or were then? Up the merges to the root, then down to everyone below it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm_events.refusals import Gone, NotFound
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore

from crm_contacts.contact import Contact, evolve
from crm_contacts.streams import CONTACTS

# `union` drops what was met before, so even rows that showed a circle could not keep it going.
_CLUSTERS = """
with recursive up(start, id) as (
  select id, id from unnest($1::uuid[]) asked(id)
  union select up.start, s.merged_into from up join streams s on s.stream_id = up.id where s.merged_into is not null),
root as (select up.start, up.id from up join streams s on s.stream_id = up.id where s.merged_into is null),
down(root, id) as (
  select distinct id, id from root
  union select down.root, s.stream_id from down join streams s on s.merged_into = down.id)
select root.start, root.id as root, array_agg(down.id order by down.id) as members from root join down on down.root = root.id group by root.start, root.id
"""
_STANDING = """
select a.asker, s.erasure from unnest($1::uuid[]) with ordinality a(id, asker) join streams s on s.stream_id = a.id and s.type = 'contact'
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One customer: the root's id is the canonical one; `members` are all ids, the root's among them, in order."""

    root: UUID
    members: tuple[UUID, ...]


async def clusters(store: EventStore, ids: Iterable[UUID]) -> dict[UUID, Cluster]:
    """The cluster of each id; an id that is no contact is alone."""
    asked = list(dict.fromkeys(ids))
    rows = await store.pool.fetch(_CLUSTERS, asked) if asked else []
    return {each: Cluster(each, (each,)) for each in asked} | {row["start"]: Cluster(row["root"], tuple(row["members"])) for row in rows}


async def cluster_of(store: EventStore, loaded: Loaded[Contact]) -> Cluster:
    """The cluster of a contact just loaded; without a query where its state shows that it is alone."""
    if loaded.state.merged is None and not loaded.state.absorbed:
        return Cluster(loaded.stream_id, (loaded.stream_id,))
    return (await clusters(store, [loaded.stream_id]))[loaded.stream_id]


async def members_now(store: EventStore, contact_id: UUID) -> dict[UUID, Contact]:
    """Each contact of the cluster as it stands."""
    asked = (await clusters(store, [contact_id]))[contact_id]
    return connected(contact_id, {part.stream_id: part.state for part in await store.read_many(CONTACTS, asked.members)})


def connected(contact_id: UUID, found: Mapping[UUID, Contact]) -> dict[UUID, Contact]:
    """Those that are one customer by what their own states say: a merge or its reversal may have come between the two queries."""
    edges = {(member, contact.merged.other_id) for member, contact in found.items() if contact.merged and contact.merged.other_id in found}
    one = {contact_id}
    while more := {end for edge in edges if one & set(edge) for end in edge} - one:
        one |= more
    return {member: found[member] for member in found if member in one}


async def members_then(store: EventStore, contact_id: UUID, at: datetime) -> dict[UUID, Contact]:
    """Each contact of the cluster as it was at `at`: what had happened by then, however late it was told."""
    found: dict[UUID, Contact] = {}
    todo = [contact_id]
    while todo:
        member = todo.pop()
        contact = Contact()
        for each in await store.history(CONTACTS, member):
            if each.fact.occurred_at <= at:
                contact = evolve(contact, each.fact)
        found[member] = contact
        edges = [*contact.absorbed, *([contact.merged] if contact.merged else [])]
        todo += [edge.other_id for edge in edges if edge.other_id not in found]
    return found


async def must_stand(store: EventStore, contact_id: UUID) -> None:
    """Looked at, not held: that a contact is there, for a fact about it that is another stream's. Raises NotFound or Gone."""
    rows = await store.rows(_STANDING, contact_id)
    if not rows:
        raise NotFound("There is no contact of this id.")
    if rows[0]["erasure"] is not None:
        raise Gone("This customer was erased.")
