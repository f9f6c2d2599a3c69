"""Who asks for what, and how is the same request known again?"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5


@dataclass(frozen=True, slots=True)
class Command:
    """The context of one request, an import line, a timer's tick or a follower's reaction.

    `id`: the same id is done once; a random one makes every call new. `fingerprint`: keyed hash of the request, to tell a repeat from a misuse of the key.
    `occurred_at`: when what is told happened; None = now, by the store's clock. `actor`: `customer:`, `agent:`, `service:` and an id, or `timer`.
    `keyed`: False where `id` is random, so that a command that changed nothing need not be remembered.
    `only_for`: the customer ids the caller may touch (a customer's own token); None = any.
    """

    id: UUID
    fingerprint: bytes
    actor: str
    occurred_at: datetime | None = None
    if_match: int | None = None
    only_for: Collection[UUID] | None = None
    correlation_id: str | None = None
    causation_id: UUID | None = None
    traceparent: str | None = None
    keyed: bool = True


def command_id(subject: str, operation: str, key: str) -> UUID:
    """Two callers may send the same key, and one caller may use it for two operations: each is its own command."""
    return uuid5(NAMESPACE_URL, f"crm:command:{subject}:{operation}:{key}")
