"""Is everything there, once, in order, and the same wherever it is kept? Asked of the stores, the topics, the journal, the read model and the public API."""

import asyncio
from dataclasses import dataclass

from chaos import clients_view, read_model, stores
from chaos.broken import Broken
from chaos.ground import Ground

__all__ = ["Broken", "Facts", "everything_holds"]


@dataclass(frozen=True)
class Facts:
    """What the checks saw. `repeats`: records sent to Kafka more than once; `drained`: seconds until nothing waited any more."""

    events: int
    repeats: int
    customers: int
    drained: float


async def everything_holds(ground: Ground) -> Facts:
    """Raises Broken with the first invariant that does not hold. The load has ended."""
    if ground.history.wrong:
        raise Broken("I1", f"{len(ground.history.wrong)} answers that no fault excuses: {ground.history.wrong[0]}")
    if ground.history.stale:
        raise Broken("I11", f"{len(ground.history.stale)} reads were older than their token: {ground.history.stale[0]}")
    waited = await read_model.drained(ground)
    stored, customers, *_ = await asyncio.gather(
        stores.stores_topics_and_journal(ground),
        clients_view.agrees(ground),
        stores.stores_are_whole(ground),
        read_model.rebuilt_is_live(ground),
        read_model.feed_is_current(ground),
        read_model.metrics_are_sane(ground),
    )
    return Facts(stored.events, stored.repeats, customers, waited)
