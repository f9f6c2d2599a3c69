"""How do one subscription's messages get to its receiver? Each customer's in order, several customers' at once, and whatever fails here stays here."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog
from crm_events.failpoints import reached

from crm_reporting.webhooks import signing
from crm_reporting.webhooks.events import MEDIA_TYPE, body, events, withheld
from crm_reporting.webhooks.metrics import WebhookMetrics
from crm_reporting.webhooks.outcomes import PATIENT, Outcomes
from crm_reporting.webhooks.posting import Poster, Told
from crm_reporting.webhooks.secret import Secrets

ABREAST = 8  # messages under way to one receiver, of as many customers
LOOK = 30.0  # seconds; it looks again although nobody woke it
NO_SECRET = "its secret does not open: replace it"  # noqa: S105  a sentence

_ONE = """
select url, state, failures, failing_since is not null as failing, trouble, greatest(extract(epoch from quiet_until - clock_timestamp()), 0)::float8 as quiet
from webhook where id = $1
"""
_HEADS = """
select id, journal_id, event_id, customer_id, attempts from (
  select distinct on (customer_id) id, journal_id, event_id, customer_id, attempts, due_at from webhook_delivery
  where webhook = $1 and state = 'waiting' order by customer_id, id) head
where due_at <= clock_timestamp() and not customer_id = any($2::uuid[]) order by id limit $3
"""
_NEXT = """
select extract(epoch from min(due_at) - clock_timestamp())::float8 from (
  select distinct on (customer_id) due_at from webhook_delivery
  where webhook = $1 and state = 'waiting' and not customer_id = any($2::uuid[]) order by customer_id, id) head
"""
_TROUBLE = "update webhook set trouble = $2 where id = $1 and trouble is distinct from $2"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What every courier works with. `post`: a sender for a URL; `leads`: whether this process may still send."""

    pool: asyncpg.Pool
    secrets: Secrets
    outcomes: Outcomes
    metrics: WebhookMetrics
    schema_base_url: str
    post: Callable[[str], Poster]
    leads: Callable[[], bool]


class Courier:
    """One subscription's, from `run` until `stop` or until it is disabled or gone."""

    def __init__(self, webhook: UUID, means: Means) -> None:
        self._webhook, self._means = webhook, means
        self.woken = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], UUID] = {}
        self._poster: Poster | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due. What goes wrong is logged, and tried again after a while: nobody else hears of it."""
        pause = 0.5
        while not stop.is_set():
            try:
                while await self._turn(stop):
                    pause = 0.5
                return
            except asyncio.CancelledError:
                for task in self._under_way:
                    task.cancel()
                raise
            except Exception as error:  # noqa: BLE001  one subscription must not end the others
                log.warning("webhook_courier_failed", webhook=str(self._webhook), error=type(error).__name__)
                pause = min(pause * 2, LOOK)
            finally:
                await self._end()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _turn(self, stop: asyncio.Event) -> bool:
        """Send to whoever is due, then wait for news; False when there is nothing more to do here."""
        means, self.woken = self._means, asyncio.Event()
        # Who is due is looked at first: what came after a change is sent by what was changed, to the new address and under the new secret.
        heads = await means.pool.fetch(_HEADS, self._webhook, list(self._under_way.values()), ABREAST - len(self._under_way))
        rows = await events(means.pool, [head["journal_id"] for head in heads]) if heads else {}
        one = await means.pool.fetchrow(_ONE, self._webhook)
        keys = await means.secrets.keys(means.pool, self._webhook)
        if stop.is_set() or one is None or one["state"] != "enabled":
            return False
        if self._poster is None or self._poster.target.told != one["url"]:
            await self._end()
            self._poster = means.post(one["url"])
        trouble = None if keys else NO_SECRET
        if trouble != one["trouble"]:
            await means.pool.execute(_TROUBLE, self._webhook, trouble)
        if trouble is not None:
            soon = LOOK
        elif one["quiet"] > 0 or not means.leads():
            soon = one["quiet"] or 1.0
        else:
            soon = await self._send(one, heads, rows, keys)
        await self._news(stop, soon)
        return True

    async def _send(self, one: asyncpg.Record, heads: Sequence[asyncpg.Record], rows: Mapping[int, asyncpg.Record], keys: list[bytes]) -> float:
        """Begin with as many as may be under way together; in how many seconds somebody else is due."""
        most = 1 if one["failures"] >= PATIENT else ABREAST
        for head in heads[: max(most - len(self._under_way), 0)]:
            sending = asyncio.create_task(self._deliver(head, rows.get(head["journal_id"]), keys, failing=one["failing"]))
            self._under_way[sending] = head["customer_id"]
        if len(self._under_way) >= most:
            return LOOK
        due = await self._means.pool.fetchval(_NEXT, self._webhook, list(self._under_way.values()))
        return LOOK if due is None else max(due, 0.01)

    async def _deliver(self, head: asyncpg.Record, row: asyncpg.Record | None, keys: list[bytes], *, failing: bool) -> None:
        means = self._means
        if why := withheld(row):
            await means.outcomes.withhold(head["id"], why)
            means.metrics.attempts.labels("withheld").inc()
            return
        assert row is not None
        assert self._poster is not None
        content = body(row, means.schema_base_url)
        signed = signing.headers(row["event_id"], int(time.time()), content, keys)
        told: Told = await self._poster.post(content, {"Content-Type": MEDIA_TYPE, **signed})
        reached("webhooks.sent")
        means.metrics.attempts.labels(told.outcome).inc()
        if await means.outcomes.write(self._webhook, head["id"], head["attempts"], told, failing=failing):
            log.warning("webhook_disabled", webhook=str(self._webhook))

    async def _news(self, stop: asyncio.Event, soon: float) -> None:
        """Until an answer came, somebody is due, the subscription was changed, or it is time to look anyway."""
        waiting: list[asyncio.Task[object]] = [asyncio.create_task(event.wait()) for event in (self.woken, stop)]
        try:
            await asyncio.wait([*self._under_way, *waiting], timeout=min(soon, LOOK), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        for task in [each for each in self._under_way if each.done()]:
            del self._under_way[task]
            task.result()

    async def _end(self) -> None:
        """What is under way may finish; a connection is not kept for another URL."""
        tasks = list(self._under_way)
        self._under_way.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._poster is not None:
            await self._poster.close()
            self._poster = None
