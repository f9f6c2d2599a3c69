"""What follows from an attempt? A delivery is done, comes again later, or is given up; a receiver that only fails is left alone, longer each time."""

import random
from uuid import UUID

import asyncpg

from crm_reporting.webhooks.posting import Told

AT_MOST = 6 * 3600.0  # seconds between two attempts at one delivery
PROBE = 3600.0  # seconds between two attempts at a receiver that only fails
ATTEMPTS = 16  # of one delivery, while its receiver takes others: about a day and a half
PATIENT = 3  # failures without a success between them, after which one message at a time is sent

LONG = "it took nothing for too long"
GONE = "the receiver answered 410: it wants no more of these"

_DELIVERED = """
with done as (
  update webhook_delivery set state = 'delivered', attempts = attempts + 1, reason = null, ended_at = clock_timestamp(),
    first_tried_at = coalesce(first_tried_at, clock_timestamp())
  where id = $2 and state = 'waiting' and attempts = $3 returning id, attempts),
noted as (insert into webhook_attempt (delivery, n, outcome, status, seconds) select id, attempts, $4, $5, $6 from done),
well as (update webhook set failures = 0, failing_since = null, quiet_until = null where id = $1 and failing_since is not null returning failures)
select true from done
"""
_NOW = "update webhook_delivery set due_at = clock_timestamp() where webhook = $1 and state = 'waiting' and due_at > clock_timestamp()"
# Given up is only what a receiver refuses that takes others: while all fails, the receiver is at fault and not the message.
_FAILED = """
with whose as (
  select id, failing_since, now, coalesce(extract(epoch from now - failing_since), 0)::float8 as failing_for
  from webhook, clock_timestamp() as now where id = $1 for update of webhook),
tried as (
  update webhook_delivery d set attempts = d.attempts + 1, reason = $7, first_tried_at = coalesce(d.first_tried_at, w.now),
    due_at = w.now + make_interval(secs => $8),
    state = case when d.attempts + 1 >= $9 and d.first_tried_at < w.failing_since then 'failed' else 'waiting' end,
    ended_at = case when d.attempts + 1 >= $9 and d.first_tried_at < w.failing_since then w.now end
  from whose w where d.id = $2 and d.state = 'waiting' and d.attempts = $3 returning d.id, d.attempts),
noted as (insert into webhook_attempt (delivery, n, outcome, status, seconds) select id, attempts, $4, $5, $6 from tried)
update webhook w set failures = w.failures + 1, failing_since = coalesce(w.failing_since, b.now),
  quiet_until = case when w.failures + 1 >= $10
    then b.now + make_interval(secs => greatest($11::float8, $12::float8, least(b.failing_for * $13::float8, $14::float8))) else w.quiet_until end,
  state = case when $15::text is not null or b.failing_for > $16::float8 then 'disabled' else w.state end,
  reason = case when $15::text is not null then $15::text when b.failing_for > $16::float8 then $17 else w.reason end
from whose b where w.id = b.id and w.state = 'enabled' and exists (select from tried)
returning w.state
"""
_WITHHELD = "update webhook_delivery set state = 'withheld', reason = $2, ended_at = clock_timestamp() where id = $1 and state = 'waiting'"


class Outcomes:
    """Writes down what came of attempts. `retry`: seconds before the second attempt; `patience`: seconds of nothing but failures that disable."""

    def __init__(self, pool: asyncpg.Pool, *, retry: float, patience: float) -> None:
        self._pool, self._retry, self._patience = pool, retry, patience

    async def write(self, webhook: UUID, delivery: int, attempts: int, told: Told, *, failing: bool) -> bool:
        """One attempt, after `attempts` others; True when it was the last straw. A second process's word on the same attempt changes nothing."""
        about = (webhook, delivery, attempts, told.outcome, told.status, told.seconds)
        if told.delivered:
            done = await self._pool.fetchval(_DELIVERED, *about)
            if done and failing:  # it is back: what waited for its turn goes now
                await self._pool.execute(_NOW, webhook)
            return False
        asked = min(told.retry_after or 0.0, PROBE)
        wait = max(pause(attempts, self._retry), asked)
        quiet = asked, self._retry * random.uniform(0.5, 1.0), random.uniform(0.5, 1.0), PROBE  # noqa: S311  no secret: it only keeps senders apart
        gone = GONE if told.status == 410 else None
        state: str | None = await self._pool.fetchval(_FAILED, *about, told.text, wait, ATTEMPTS, PATIENT, *quiet, gone, self._patience, LONG)
        return state == "disabled"

    async def withhold(self, delivery: int, why: str) -> None:
        """It is not sent; a person may have it sent once it can be read."""
        await self._pool.execute(_WITHHELD, delivery, why)


def pause(attempts: int, first: float) -> float:
    """Seconds until the next attempt, after so many before this one: twice as long each time, spread so that what failed together does not come together."""
    return min(first * 2.0 ** min(attempts, 40), AT_MOST) * random.uniform(0.5, 1.0)  # noqa: S311
