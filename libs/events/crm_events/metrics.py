"""What do several parts measure alike? Who leads, how busy connections are, and how long the vault takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from prometheus_client import CollectorRegistry

from crm_events.measuring import APIS, Section

_leading = Section("Leaders", (*APIS, "composer", "webhooks"))
_pools = Section("Pools of database connections", (*APIS, "composer", "webhooks"))
_vault = Section("The vault of keys", (*APIS, "composer"))
_obeying = Section("Obeying erasures", ("tickets", "loyalty", "reporting"))

LEADER = _leading.gauge(
    "crm_leader",
    ["work"],
    "1 in the process that does this work now, 0 in those that stand by: relay, timer, eraser, matcher, feed, webhooks.",
    off="The sum over the replicas is 0: nobody does it. Look in the log of each for `turn_failed`, `background_failed`, `waits for the database`.",
)
POOL_USED = _pools.gauge(
    "crm_pool_connections", ["pool"], "Connections lent out at this moment.", off="Near the limit all the time: see `crm_pool_waiting_requests`."
)
POOL_LIMIT = _pools.gauge(
    "crm_pool_limit_connections", ["pool"], "How many connections the pool may lend.", off="It is a setting; it does not change by itself."
)
POOL_WAITING = _pools.gauge(
    "crm_pool_waiting_requests",
    ["pool"],
    "Requests that wait for a connection at this moment.",
    off="More than 0 for minutes: the database is slow (look at its own load first), or there is more work than one replica can do: start another.",
)
VAULT_SECONDS = _vault.histogram(
    "crm_vault_duration_seconds",
    ["call"],
    "One round trip to the vault (writing, reading); many callers share one.",
    off="Above 0.1: the vault's database is slow.",
)
VAULT_ERRORS = _vault.counter(
    "crm_vault_errors_total", ["call"], "Round trips that failed.", off="It grows: the vault is away. Writes with personal data are refused, reads show none."
)

UNOBEYED = _obeying.gauge(
    "crm_erasure_unobeyed_seconds",
    [],
    "How long ago this service heard of the oldest erasure of which it cannot say yet that it is obeyed; 0 = of all. A few seconds are usual.",
    off="Above 600: something of an erased customer can still be opened or found here, see the runbook ErasureNotObeyed.",
)


def measure_pool(registry: CollectorRegistry, name: str, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Tell of this pool from now on; it is looked at when somebody asks, and costs a request nothing."""
    waiting: Any = pool._queue._getters  # type: ignore[attr-defined]  # noqa: SLF001 - asyncpg tells how many are lent, not how many wait
    POOL_LIMIT.on(registry).labels(name).set(pool.get_max_size())
    POOL_USED.on(registry).labels(name).set_function(lambda: pool.get_size() - pool.get_idle_size())
    POOL_WAITING.on(registry).labels(name).set_function(lambda: sum(not one.done() for one in waiting))


class VaultMetrics:
    """The instruments of one process's way to the vault."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = {call: VAULT_SECONDS.on(registry).labels(call) for call in ("writing", "reading")}
        self._errors = {call: VAULT_ERRORS.on(registry).labels(call) for call in ("writing", "reading")}

    @contextmanager
    def trip(self, call: str) -> Iterator[None]:
        """Measure one round trip."""
        began = time.perf_counter()
        try:
            yield
        except Exception:
            self._errors[call].inc()
            raise
        finally:
            self._seconds[call].observe(time.perf_counter() - began)
