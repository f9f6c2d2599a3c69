"""Who looks after referrals when nobody asks? They convert with the first purchase that is kept, and are rewarded when it can no longer be brought back.

referral.registered, purchases, returns, merges ─ follower ─▶ referral_watch ─ keeper ─▶ referral.converted
   in the transaction that moves the offset                    when to look again      referral.rewarded + reward.issued, one command
                                                                                       referral.rejected

What is heard says only that there is something to look at: every decision is made of the streams themselves, so it may be heard twice, late or out of order.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import structlog
from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.event import Money
from crm_events.follower import Database, Handler, cluster, erased
from crm_events.language.programme import ReferralTerms
from crm_events.language.reward import RewardIssued
from crm_events.lease import Connection
from crm_events.refusals import Refusal, Rejected
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore, Target

from crm_loyalty import referral, reward
from crm_loyalty.kinship import FORGET_TIES, kinship
from crm_loyalty.reads import members_of, programme_of
from crm_loyalty.referral import REFERRALS, Referral
from crm_loyalty.reward import REWARDS
from crm_loyalty.transaction import TRANSACTIONS, Transaction

POLL = 1.0  # seconds between two looks; one query on an index of what is due
TAKE = 200
AGAIN = timedelta(hours=1)  # until the next look at one whose owner may have no reward just now
QUIET = timedelta(minutes=15)  # after a purchase that was told late: its return may be told next, as the timer waits for streams filled from the past
LATE = timedelta(minutes=5)
SALES = 200  # of a referred customer that are looked at; more than one only where those before were brought back
ACTOR = "service:referrals"

_WATCH = "insert into referral_watch (referral_id, look_at) values ($1, clock_timestamp()) on conflict (referral_id) do update set look_at = excluded.look_at"
_WATCH_OF = """
insert into referral_watch (referral_id, look_at)
select stream_id, clock_timestamp() from streams where type = 'referral' and referred = any($1::uuid[])
on conflict (referral_id) do update set look_at = excluded.look_at
"""
_WATCH_FORGOTTEN = """
insert into referral_watch (referral_id, look_at)
select s.stream_id, clock_timestamp() from customer_edge e join streams s on s.type = 'referral' and s.referred = e.customer_id
where e.erased on conflict (referral_id) do update set look_at = excluded.look_at
"""
_DUE = "select referral_id, look_at from referral_watch where look_at <= clock_timestamp() order by look_at, referral_id limit $1"
# Only if nothing was heard meanwhile: else it is looked at again.
_DONE = "delete from referral_watch where referral_id = $1 and look_at = $2"
_LATER = "update referral_watch set look_at = $3 where referral_id = $1 and look_at = $2"
_SALES = """
select stream_id, recorded_at from streams where type = 'transaction' and customer_id = any($1::uuid[]) and sold_at >= $2 order by sold_at, stream_id limit $3
"""
# An invited address would be found by its hash; of an erased customer also where somebody else invited it.
_HASHES = """
from claims where scope like 'referral:%' and holder in (
  select stream_id from streams where type = 'referral' and customer_id = $1
  union all select stream_id from streams where type = 'referral' and referred = $1)
"""
_UNSHUT = """
from referral_watch w join streams s on s.stream_id = w.referral_id
where s.type = 'referral' and s.referred = $1 and w.look_at <= clock_timestamp()
"""

log = structlog.get_logger(__name__)


async def _registered(connection: Connection, record: Record) -> None:
    await connection.execute(_WATCH, record.stream_id)


async def _about_the_customer(connection: Connection, record: Record) -> None:
    await connection.execute(_WATCH_OF, await cluster(connection, record.key))


HEARD: dict[str, Handler] = {
    "referral.registered": _registered,
    "transaction.recorded": _about_the_customer,
    "return.recorded": _about_the_customer,
    "contact.merged": _about_the_customer,
}


async def forget(connection: Connection, record: Record) -> None:
    """Nothing by which an erased customer's address, household or identifiers could be found; the keeper shuts what was sealed with another's key."""
    await connection.execute(f"delete {_HASHES}", record.key)
    await connection.execute(FORGET_TIES, record.key)
    await connection.execute(_WATCH_OF, [record.key])


async def remembered(database: Database, customer_id: UUID) -> bool:
    """Is there still a hash or a tie of theirs, or an invitation that the keeper has not yet shut?"""
    kept = f"select exists (select {_HASHES}) or exists (select from customer_tie where one = $1 or other = $1) or exists (select {_UNSHUT})"
    return bool(await database.fetchval(kept, customer_id))


class Keeper:
    """Several may run at once: each step is one command with one id, whoever sends it. `quiet`: as QUIET."""

    def __init__(self, store: EventStore, *, quiet: timedelta = QUIET) -> None:
        self._store, self._quiet = store, quiet

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A database that is away is waited for; the rows keep what is to be looked at."""
        begun = False
        while not stop.is_set():
            try:
                if not begun:  # a vault that was put back from a backup opens again what was shut
                    await self._store.pool.execute(_WATCH_FORGOTTEN)
                    begun = True
                await self.tick()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Refusal) as error:
                log.warning("referrals wait", error=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), POLL)
            except TimeoutError:
                continue

    async def tick(self) -> int:
        """Look at what is due; at how many."""
        rows = await self._store.pool.fetch(_DUE, TAKE)
        for row in rows:
            try:
                again = await self._look(row["referral_id"])
            except Refusal as refused:  # this one waits; the others do not wait for it
                log.warning("a referral waits", referral=str(row["referral_id"]), error=type(refused).__name__)
                again = datetime.now(UTC) + timedelta(seconds=POLL)
            asked = (row["referral_id"], row["look_at"])
            await (self._store.pool.execute(_LATER, *asked, again) if again else self._store.pool.execute(_DONE, *asked))
        return len(rows)

    async def _look(self, referral_id: UUID) -> datetime | None:
        """Take the next steps that can be taken; when to look again, None: after the next event."""
        part = await self._store.read(REFERRALS, referral_id)
        known = part.state
        if known.other_id is not None and await erased(self._store.pool, [known.other_id]) and known.invitation:
            await self._store.vault.redact([(part.customer_id, known.invitation)])
            await self._store.pool.execute(f"delete {_HASHES}", known.other_id)  # of who registered while they were forgotten
        if known.state not in ("registered", "converted") or known.other_id is None or await erased(self._store.pool, [part.customer_id]):
            return None
        if (why := await self._disproved(part, known.other_id)) is not None:
            await self._store.handle(REFERRALS, referral_id, _command(referral_id, "rejected"), lambda now_known, _: _rejected(now_known, referral_id, why))
            return None
        terms = await self._terms(known)
        sale, told_at = await self._kept(known, terms.return_days) if terms else (None, None)
        if terms is None or sale is None or sale.sale is None or sale.sold_at is None:
            return None
        transaction_id = sale.sale.transaction_id
        if known.transaction_id != transaction_id:
            step = _command(referral_id, f"converted:{transaction_id}", at=sale.sold_at)
            await self._store.handle(REFERRALS, referral_id, step, lambda now_known, _: referral.convert(
                now_known, referral_id=referral_id, transaction_id=transaction_id))  # fmt: skip
        return await self._reward(part, known.other_id, terms, sale, told_at)

    async def _reward(self, part: Loaded[Referral], other_id: UUID, terms: ReferralTerms, sale: Transaction, told_at: datetime | None) -> datetime | None:
        now, end = datetime.now(UTC), referral.window_end(sale, return_days=terms.return_days)
        if sale.sale is None or sale.sold_at is None or end is None:
            return None
        late = told_at is not None and told_at - sale.sold_at > LATE
        if (ready := max(end, told_at + self._quiet) if late and told_at else end) > now:
            return ready
        members = [each.state for each in await members_of(self._store, part.customer_id, after=None, limit=200)]
        if not referral.takes_part(part.state.programme, members):
            return now + AGAIN
        referral_id, sold = part.stream_id, sale.sale.transaction_id
        given = RewardIssued(reward_id=referral.reward_id(referral_id), kind=terms.reward, cost=Money(amount=terms.amount, currency=terms.currency))
        targets = [Target(REFERRALS, referral_id), Target(REWARDS, given.reward_id, key=part.customer_id), Target(TRANSACTIONS, sold)]
        rivals = (await kinship(self._store, referral_id, programme=part.state.programme, referrer=part.customer_id, other=other_id)).rivals

        def decide(states: list[Any], at: datetime) -> Sequence[Sequence[Any]]:
            if referral.yields_to(states[0], referral_id, dict(zip(rivals, states[3:], strict=True))):
                raise Rejected("moved", "The other referral of this customer has moved. Look again.")
            told = referral.reward(states[0], states[2], referral_id=referral_id, return_days=terms.return_days, at=at)
            return [told, reward.issue(states[1], event=given, parts=(), at=at), *([] for _ in states[2:])]

        # The purchase and the rivals are only checked: one that moves meanwhile has all of it decided anew.
        await self._store.handle_all(_command(referral_id, "rewarded"), [*targets, *(Target(REFERRALS, each) for each in rivals)], decide)
        return None

    async def _disproved(self, part: Loaded[Referral], other_id: UUID) -> referral.Rule | None:
        """Whatever was learnt since they registered counts until they are rewarded."""
        kin = await kinship(self._store, part.stream_id, programme=part.state.programme, referrer=part.customer_id, other=other_id)
        rivals = {each.stream_id: each.state for each in await self._store.read_many(REFERRALS, kin.rivals)}
        return kin.rule or ("shared_identifier" if referral.yields_to(part.state, part.stream_id, rivals) else None)

    async def _terms(self, known: Referral) -> ReferralTerms | None:
        """What was promised when they were invited."""
        programme = await programme_of(self._store, known.programme)
        version = programme.in_force(known.invited_at) if programme and known.invited_at else None
        return version.referral if version else None

    async def _kept(self, known: Referral, return_days: int) -> tuple[Transaction | None, datetime | None]:
        """The first purchase since they registered that was kept so far, and when it was told; the one it converted with, while that is kept."""
        if known.other_id is None or known.registered_at is None:
            return None, None
        since = int(known.registered_at.timestamp() * 1_000_000)
        rows = await self._store.pool.fetch(_SALES, await cluster(self._store.pool, known.other_id), since, SALES)
        sales = await self._store.read_many(TRANSACTIONS, [row["stream_id"] for row in rows])
        kept = [(sale, row["recorded_at"]) for sale, row in zip(sales, rows, strict=True) if referral.keeps(sale.state, return_days=return_days)]
        first = next((each for each in kept if each[0].stream_id == known.transaction_id), next(iter(kept), None))
        return (first[0].state, first[1]) if first else (None, None)


def _rejected(known: Referral, referral_id: UUID, rule: referral.Rule) -> Sequence[Any]:
    return referral.reject(known, referral_id=referral_id, rule=rule)


def _command(referral_id: UUID, step: str, at: datetime | None = None) -> Command:
    return Command(uuid5(referral_id, step), b"referral", ACTOR, occurred_at=at)
