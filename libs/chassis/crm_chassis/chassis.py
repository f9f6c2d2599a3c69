"""What has every service at hand while it runs?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from crm_events.vault import Vault
from prometheus_client import CollectorRegistry
from starlette.datastructures import State

from crm_chassis.audit import Audit
from crm_chassis.auth import Authenticator
from crm_chassis.health import Health
from crm_chassis.link_tokens import LinkTokens
from crm_chassis.metrics import HttpMetrics
from crm_chassis.paging import Cursors
from crm_chassis.streams import Streams


@dataclass(frozen=True, slots=True)
class Chassis:
    """The parts that routes, the bulk endpoint and the edge share; at `app.state.chassis`. `state` is the app's: what the lifespan made is there."""

    name: str
    state: State
    index_key: bytes
    authenticator: Authenticator
    links: LinkTokens
    cursors: Cursors
    health: Health
    registry: CollectorRegistry
    http: HttpMetrics
    streams: Streams
    members: Callable[[State, UUID], Awaitable[set[UUID]]] | None = None

    @property
    def vault(self) -> Vault | None:
        """Where keys for reading come from; None in a service that opens nothing."""
        vault: Vault | None = getattr(self.state, "vault", None)
        return vault

    @property
    def audit(self) -> Audit | None:
        """Where it is noted whose personal text was told; None in a service that does it in its own way."""
        audit: Audit | None = getattr(self.state, "told_in_clear", None)
        return audit

    async def cluster(self, customer_id: UUID) -> frozenset[UUID]:
        """A customer's id and those merged with it."""
        found = await self.members(self.state, customer_id) if self.members else set()
        return frozenset({customer_id, *found})
