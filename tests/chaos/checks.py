"""Is everything there, once, in order, and the same wherever it is kept? Asked of the stores, the topics, the journal, the read model and the public API."""

import asyncio
import time
from dataclasses import dataclass

from chaos import clients_view, logs
from chaos.broken import Broken
from chaos.ground import Ground

__all__ = ["Broken", "Facts", "everything_holds"]

DRAINED = 60.0  # seconds after the fault within which every backlog must be gone


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
    began = time.monotonic()
    while waiting := await logs.backlog(ground):
        if time.monotonic() - began > DRAINED:
            raise Broken("I4" if "Kafka" in waiting else "I6", f"after {DRAINED:.0f} s {waiting}")
        await asyncio.sleep(0.05)
    drained = time.monotonic() - began
    stored, customers, *_ = await asyncio.gather(
        logs.stores_topics_and_journal(ground),
        clients_view.agrees(ground),
        logs.stores_are_whole(ground),
        logs.rebuilt_is_live(ground),
        logs.metrics_are_sane(ground),
    )
    return Facts(stored.events, stored.repeats, customers, drained)
