"""What does `reporting webhooks` do from start to end? One process leads: it plans what is owed, and runs a courier for each subscription."""

import asyncio
import time
from contextlib import suppress
from uuid import UUID

import asyncpg
import structlog
from crm_events.keepalive import keep_alive
from crm_events.lease import Lease, acquire, owner_name, release, renew
from crm_events.metrics import measure_pool
from prometheus_client import CollectorRegistry

from crm_reporting.connecting import PATIENCE, PLANNER, connect
from crm_reporting.projector_process import APPLIED
from crm_reporting.settings import ReportingSettings
from crm_reporting.webhooks.courier import ABREAST, Courier, Means
from crm_reporting.webhooks.metrics import WebhookMetrics
from crm_reporting.webhooks.outcomes import Outcomes
from crm_reporting.webhooks.planning import plan
from crm_reporting.webhooks.posting import Poster
from crm_reporting.webhooks.secret import Secrets, forget_retired
from crm_reporting.webhooks.target import Target, networks

CHANGED = "webhooks"  # the channel that tells of a subscription made, changed or gone
POLL = 0.5  # seconds; the guarantee behind the channels
LEASE = 10.0  # seconds it is ours without renewal
MEASURE_EVERY, TIDY_EVERY = 5.0, 600.0
TIDY_AT_ONCE = 5_000
END = 6.0  # seconds messages under way may take at the end
CONNECTIONS = 4

_ENABLED = "select id from webhook where state = 'enabled'"
_MEASURED = """
select count(*) as waiting, coalesce(extract(epoch from clock_timestamp() - min(d.created_at)), 0)::float8 as oldest,
  (select count(*) from webhook where state = 'disabled') as disabled
from webhook_delivery d join webhook w on w.id = d.webhook and w.state = 'enabled' where d.state = 'waiting'
"""
_TIDY = """
delete from webhook_delivery where id in (
  select id from webhook_delivery where ended_at < clock_timestamp() - make_interval(days => $1) order by ended_at limit $2)
"""

log = structlog.get_logger(__name__)


class WebhooksProcess:
    """One sender. Several may run: one leads, the others wait for its lease to end."""

    def __init__(self, settings: ReportingSettings, registry: CollectorRegistry) -> None:
        self._settings, self._registry, self._metrics = settings, registry, WebhookMetrics(registry)
        self._owner = settings.instance or owner_name()
        self._allowed = networks(settings.webhook_allowed_networks)
        self._secrets = Secrets(settings.master_key_bytes)
        self._until = 0.0
        self._couriers: dict[UUID, tuple[Courier, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until another process leads. Raises database errors: a supervisor starts again."""
        url = self._settings.database_url
        connection, woken = await connect(url, PLANNER, PATIENCE), asyncio.Event()
        try:
            for channel in (APPLIED, CHANGED):
                await connection.add_listener(channel, lambda _connection, _pid, name, _payload: self._hear(name, woken))
            while not stop.is_set():
                lease = await acquire(connection, "webhooks", self._owner, seconds=LEASE)
                if lease is None:
                    await _next(stop, woken)
                    continue
                async with asyncpg.create_pool(
                    url, min_size=0, max_size=CONNECTIONS, command_timeout=20, init=_kept, server_settings={**PLANNER, **PATIENCE}
                ) as pool:
                    measure_pool(self._registry, "webhooks", pool)
                    await self._lead(connection, lease, pool, stop, woken)
        finally:
            await connection.close()

    def _hear(self, channel: str, woken: asyncio.Event) -> None:
        woken.set()
        if channel == CHANGED:
            for courier, _ in self._couriers.values():
                courier.woken.set()

    async def _lead(self, connection: asyncpg.Connection, lease: Lease, pool: asyncpg.Pool, stop: asyncio.Event, woken: asyncio.Event) -> None:
        self._metrics.leader.set(1)
        self._until = time.monotonic() + LEASE
        settings, ending = self._settings, asyncio.Event()
        outcomes = Outcomes(pool, retry=settings.webhook_retry_seconds, patience=settings.webhook_patience_hours * 3600)
        means = Means(pool, self._secrets, outcomes, self._metrics, settings.url, self._post, lambda: time.monotonic() < self._until)
        measured = tidied = renewed = 0.0
        try:
            while not stop.is_set():
                now = time.monotonic()
                if now - renewed > LEASE / 4:
                    if not await renew(connection, lease, seconds=LEASE):
                        log.warning("webhooks_led_by_another")
                        return
                    self._until, renewed = now + LEASE, now
                self._staff({row["id"] for row in await connection.fetch(_ENABLED)}, means, ending)
                owed, more = await plan(connection)
                for webhook in owed:
                    if webhook in self._couriers:
                        self._couriers[webhook][0].woken.set()
                if now - measured > MEASURE_EVERY:
                    measured = now
                    await self._measure(connection)
                if now - tidied > TIDY_EVERY:
                    tidied = now
                    await forget_retired(connection)
                    await connection.execute(_TIDY, settings.webhook_log_days, TIDY_AT_ONCE)
                if not more:
                    await _next(stop, woken)
        finally:
            self._until = 0.0
            self._metrics.leader.set(0)
            ending.set()
            tasks = [task for _, task in self._couriers.values()]
            self._couriers.clear()
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=END)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)
            if not connection.is_closed():
                await release(connection, lease)

    def _staff(self, enabled: set[UUID], means: Means, ending: asyncio.Event) -> None:
        """A courier for each enabled subscription; one that ended by itself is replaced when its subscription is enabled again."""
        for webhook in [each for each, (_, task) in self._couriers.items() if task.done()]:
            del self._couriers[webhook]
        for webhook in enabled - self._couriers.keys():
            courier = Courier(webhook, means)
            self._couriers[webhook] = courier, asyncio.create_task(courier.run(ending))

    def _post(self, url: str) -> Poster:
        return Poster(Target(url, self._allowed), seconds=self._settings.webhook_seconds, connections=ABREAST)

    async def _measure(self, connection: asyncpg.Connection) -> None:
        (row,) = await connection.fetch(_MEASURED)
        self._metrics.waiting.set(row["waiting"])
        self._metrics.oldest.set(row["oldest"])
        self._metrics.disabled.set(row["disabled"])


async def _kept(connection: asyncpg.Connection) -> None:
    keep_alive(connection)


async def _next(stop: asyncio.Event, woken: asyncio.Event) -> None:
    """Sleep until woken, or until it is time to look anyway."""
    if not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), POLL)
    woken.clear()
