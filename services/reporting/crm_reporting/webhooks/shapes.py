"""How do subscriptions and deliveries look over HTTP?"""

from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from crm_chassis.body import Body, Resource
from crm_events.event import Instant
from crm_events.topics import SOURCES
from pydantic import Field

SourceName = Enum("SourceName", {name: name for name in SOURCES}, type=str)  # type: ignore[misc]
Pattern = Annotated[str, Field(max_length=100, pattern=r"^(\*|[a-z][a-z_]*\.(\*|[a-z][a-z_]*))$", description="`ticket.resolved`, `ticket.*` or `*`.")]
Url = Annotated[str, Field(min_length=8, max_length=2000, description="`https://…`, at a public address.")]
Types = Annotated[list[Pattern], Field(min_length=1, max_length=50)]
Sources = Annotated[list[SourceName], Field(max_length=4, description="None = events of every source.")]
Customers = Annotated[
    list[UUID], Field(max_length=100, description="None = of every customer; else of these ids, as the events name them: merged ids are told each.")
]
Description = Annotated[str, Field(max_length=200)]
After = Annotated[int, Field(ge=0, le=2**62, description="A position in reporting's journal; 0 = everything from the start.")]
State = Literal["waiting", "delivered", "failed", "withheld", "replaced"]


class WebhookBody(Body):
    """Where to send which events. `after`: begin behind this position; without it with what comes from now on."""

    url: Url
    types: Types
    sources: Sources = Field(default_factory=list)
    customer_ids: Customers = Field(default_factory=list)
    description: Description | None = None
    after: After | None = None


class WebhookChange(Body):
    """What is told is changed. `enabled` true forgets past failures and sends at once what waits; what is owed already stays owed when filters change."""

    url: Url | None = None
    types: Types | None = None
    sources: Sources | None = None
    customer_ids: Customers | None = None
    description: Description | None = None
    enabled: bool | None = None


class SecretBody(Body):
    """For how long messages are signed with the old secret as well as the new one."""

    overlap_hours: float = Field(default=24, ge=0, le=168)


class ReplayBody(Body):
    """Send everything after this position again."""

    after: After


class WebhookAnswer(Resource):
    """A subscription and how it stands. `position`: up to where the journal was looked at; `behind`: how many events come after; `waiting`: deliveries owed.

    `reason`: why it is disabled; `trouble`: why nothing is sent although it is enabled; `failing_since`: nothing was taken since then.
    """

    id: UUID
    url: str
    types: list[str]
    sources: list[str]
    customer_ids: list[UUID]
    description: str | None
    enabled: bool
    reason: str | None
    trouble: str | None
    position: int
    behind: int
    waiting: int
    oldest_waiting_at: Instant | None
    failing_since: Instant | None
    secrets: int
    created_by: str
    created_at: Instant
    changed_at: Instant


class WebhookSecretAnswer(WebhookAnswer):
    """`secret`: told here and nowhere again (the same request repeated with its key is answered the same); `whsec_` and base64, as Standard Webhooks has it."""

    secret: str | None


class WebhookDeleted(Resource):
    """It is gone, with what it was owed and its log."""

    id: UUID


class DeliveryItem(Resource):
    """One event for one subscription. `withheld`: it could not be read, so it was not sent; `failed`: given up; `replaced`: a replay sends it."""

    id: int
    event_id: UUID
    type: str
    customer_id: UUID
    position: int
    state: State
    reason: str | None
    attempts: int
    next_attempt_at: Instant | None
    asked_by: str | None
    created_at: Instant
    ended_at: Instant | None


class AttemptItem(Resource):
    """One attempt: delivered, status, redirect, timeout, connection, tls, protocol, name or address; the status answered, and how long it took."""

    n: int
    at: Instant
    outcome: str
    status: int | None
    seconds: float


class DeliveryAnswer(DeliveryItem):
    """With every attempt."""

    tries: list[AttemptItem]


def webhook_of(row: asyncpg.Record) -> dict[str, Any]:
    """A row of `subscription.shown`."""
    told = {name: row[name] for name in WebhookAnswer.model_fields if name in row.keys()}  # noqa: SIM118  a record's `in` looks at its values
    return told | {"enabled": row["state"] == "enabled", "position": row["cursor"]}


def delivery_of(row: asyncpg.Record) -> dict[str, Any]:
    """A row of `webhook_delivery`."""
    told = {name: row[name] for name in DeliveryItem.model_fields if name in row.keys()}  # noqa: SIM118
    return told | {"position": row["journal_id"], "next_attempt_at": row["due_at"] if row["state"] == "waiting" else None}
