"""Who looks whether a contact that was told of anew is somebody known already? A leader reads the store's own events in order and asks the rules.

What it has looked at is one number in the database, by the rules' versions: rules that changed begin with the first event, so that they see the whole
history once. Looking twice changes nothing, whatever it died in.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import structlog
from crm_events import lease
from crm_events.command import Command
from crm_events.identifiers import scope
from crm_events.language.contacts import ContactEvent
from crm_events.language.matching import MatchEvent
from crm_events.measuring import from_zero
from crm_events.metrics import LEADER
from crm_events.refusals import KeptMoving, Refusal, Unavailable
from crm_events.store.store import EventStore, Target
from uuid_utils.compat import uuid7

from crm_contacts.contact import Contact
from crm_contacts.identification import SHARED, block_identifier
from crm_contacts.likely import Moved, around, hubs
from crm_contacts.match import MATCHES, Match, match_id, suggest
from crm_contacts.match_rules import RULES, MatchRule, Person, Value
from crm_contacts.matching import Joining, Link, Settled, settle
from crm_contacts.merging import merge
from crm_contacts.metrics import HUBS, MATCHED
from crm_contacts.streams import CONTACTS

POLL = 0.5  # seconds between looks: one query on the positions' index
TAKE = 1000  # events a look
LEASE = 10.0  # seconds
TRIES = 5
ACTOR, HUB_RULE = "service:matcher", "hub"
WATCHED = ("contact.identifier_verified", "contact.details_changed", "privacy.restricted")  # a restriction that is lifted is made up for

# Of an identifier added only the kinds that several contacts may share: the others are refused where another has them.
_NEWS = """
select position, stream_id, type = any($3::text[]) or (type = 'contact.identifier_added' and payload ->> 'kind' = any($4::text[])) as wanted
from events where position > $1 order by position limit $2
"""
_PLACE = "insert into matched (rules) values ($1) on conflict (rules) do update set rules = excluded.rules returning position"

log = structlog.get_logger(__name__)


class Matcher:
    """One works at a time, by lease."""

    def __init__(self, store: EventStore, rules: Sequence[MatchRule] = RULES) -> None:
        self._store, self._rules, self._owner = store, tuple(rules), lease.owner_name()
        self._named = ",".join(sorted(f"{rule.id}/{rule.version}" for rule in rules))
        self._lease: lease.Lease | None = None
        self._leader = LEADER.on(store.metrics.registry).labels("matcher")
        self._hubs = from_zero(HUBS.on(store.metrics.registry), ("value", "customer"))
        self._counted = from_zero(MATCHED.on(store.metrics.registry), ("joined", "suggested", "refused"))

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A database or vault that is away is waited for; so is a contact that keeps changing."""
        while not stop.is_set():
            looked = 0
            try:
                if await self._leads():
                    looked = await self.tick()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Unavailable, KeptMoving) as error:
                self._leader.set(0)
                log.warning("matching waits", error=type(error).__name__)
            if looked < TAKE:
                await _wait(stop, POLL)

    async def tick(self) -> int:
        """Look at what was told since the last look; how many events those were."""
        place = await self._store.pool.fetchval(_PLACE, self._named)
        rows = await self._store.pool.fetch(_NEWS, place, TAKE, list(WATCHED), sorted(SHARED))
        for contact_id in dict.fromkeys(row["stream_id"] for row in rows if row["wanted"]):
            await self._look(contact_id)
        if rows:
            await self._store.pool.execute("update matched set position = $2 where rules = $1 and position < $2", self._named, rows[-1]["position"])
        return len(rows)

    async def consider(self, contact_id: UUID) -> Settled:
        """What the rules say of this contact and all that have anything in common with it, done."""
        for _ in range(TRIES):
            try:
                people, holders = await around(self._store, contact_id)
                settled = settle(people, self._rules, holders)
                for survivor in sorted({joining.survivor for joining in settled.joinings}):
                    await self._join([joining for joining in settled.joinings if joining.survivor == survivor], people)
            except Moved:
                continue
            for link in settled.suggestions:
                await self._suggest(link)
            if settled.crowded:
                self._hubs.labels("customer").inc(settled.crowded)
            await self._block(next((each for each in people if each.id == contact_id), None), holders)
            return settled
        raise KeptMoving("The contacts kept changing while the rules looked at them.")

    async def _look(self, contact_id: UUID) -> None:
        try:
            await self.consider(contact_id)
        except (Unavailable, KeptMoving):  # to be looked at again
            raise
        except Refusal as refused:  # merged or forgotten meanwhile
            self._counted.labels("refused").inc()
            log.info("contact not matched", contact=str(contact_id), error=type(refused).__name__)

    async def _join(self, joinings: Sequence[Joining], people: Sequence[Person]) -> None:
        """All that become one, in one command, which holds every contact that the rules looked at."""
        roots = [joinings[0].survivor, *(joining.absorbed for joining in joinings)]
        others = [each.id for each in people if each.root in roots and each.id not in roots]
        known, new = {each.id: each.contact for each in people}, [uuid7() for _ in joinings]

        def decide(states: list[Contact], _: datetime) -> list[list[ContactEvent]]:
            if any(state != known[each] for each, state in zip([*roots, *others], states, strict=True)):
                raise Moved
            return [*joined(states[: len(roots)], joinings, merge_ids=new), *([] for _ in others)]

        done = await self._store.handle_all(_command(), [Target(CONTACTS, each) for each in [*roots, *others]], decide)
        if done.changed:
            self._counted.labels("joined").inc(len(joinings))

    async def _suggest(self, link: Link) -> None:
        pair = match_id(link.one.id, link.other.id)
        rule, other, shown = link.rule, link.other.id, link.identifiers

        def decide(match: Match, _: datetime) -> list[MatchEvent]:
            return suggest(match, match_id=pair, other_id=other, rule=rule.id, version=rule.version, score=rule.score, identifiers=shown)

        done = await self._store.handle(MATCHES, pair, _command(), decide, key=link.one.id)
        if done.changed:
            self._counted.labels("suggested").inc()

    async def _block(self, person: Person | None, holders: Mapping[Value, int]) -> None:
        """What too many have identifies none of them: no rule shall see it again, and nobody be given it."""
        for value, people in (await hubs(self._store, person, holders)).items() if person else ():
            decide = partial(blocked, value=value, rule=HUB_RULE)
            done = [await self._store.handle(CONTACTS, each, _command(), decide) for each in sorted(people)]
            if any(each.changed for each in done):
                self._hubs.labels("value").inc()

    async def _leads(self) -> bool:
        async with self._store.pool.acquire() as connection:
            if self._lease is None or not await lease.renew(connection, self._lease, seconds=LEASE):
                self._lease = await lease.acquire(connection, "matcher", self._owner, seconds=LEASE)
        self._leader.set(self._lease is not None)
        return self._lease is not None


def joined(states: Sequence[Contact], joinings: Sequence[Joining], *, merge_ids: Sequence[UUID]) -> list[list[ContactEvent]]:
    """Each one's events: the survivor's first, then those of the absorbed, in the order of `joinings`. `states` in the same order."""
    survivor, absorbed, ends = states[0], list[list[ContactEvent]](), list[ContactEvent]()
    for state, joining, merge_id in zip(states[1:], joinings, merge_ids, strict=True):
        of_absorbed, of_survivor = merge(
            state, survivor, absorbed_id=joining.absorbed, survivor_id=joining.survivor, merge_id=merge_id, survivors_root=joining.survivor,
            evidence=joining.by.identifiers, rule=joining.by.rule.id, rule_version=joining.by.rule.version,
        )  # fmt: skip
        absorbed, ends = [*absorbed, of_absorbed], [*ends, *of_survivor]
    return [ends, *absorbed]


def blocked(contact: Contact, _: datetime, *, value: Value, rule: str) -> list[ContactEvent]:
    """The contact's identifier of this value identifies nobody; one that was removed, or a contact that is being forgotten, has nothing new."""
    if contact.erasure is not None:
        return []
    known = [each.id for each in contact.identifiers if (scope(each.kind, each.system), each.normalised) == value]
    return [event for each in known for event in block_identifier(contact, identifier_id=each, rule=rule)]


def _command() -> Command:
    return Command(uuid4(), b"matcher", ACTOR, keyed=False)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
