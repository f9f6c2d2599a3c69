"""Who looks at a future that nobody waits for any more? This does: unread failures are logged when the collector finds them, amid whatever runs then."""

import asyncio
from typing import Any


def look_at(future: "asyncio.Future[Any]") -> None:
    """For `add_done_callback`: the failure, if any, counts as read; whoever does wait for the future still gets it."""
    if not future.cancelled():
        future.exception()
