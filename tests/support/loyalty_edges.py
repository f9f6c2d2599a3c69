"""How does loyalty come to know that two customers are one?"""

import uuid

from crm_events.store.store import EventStore


async def merged(store: EventStore, absorbed: str, survivor: str | None, position: int = 1) -> None:
    """As the follower of contacts notes it; no survivor: parted again."""
    await store.pool.execute(
        "insert into customer_edge (customer_id, merged_into, position) values ($1, $2, $3) "
        "on conflict (customer_id) do update set merged_into = excluded.merged_into",
        uuid.UUID(absorbed), uuid.UUID(survivor) if survivor else None, position,
    )  # fmt: skip
