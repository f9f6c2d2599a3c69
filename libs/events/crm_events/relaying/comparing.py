"""Do the log's ends agree with the store? What looks odd from near is looked at from far before anybody acts on it: others may have written to the topic."""

from collections.abc import Sequence
from dataclasses import dataclass

from crm_events.lease import Connection
from crm_events.relaying.reading import differing, standing
from crm_events.relaying.tails import tails
from crm_events.topics import PARTITIONS

NEAR, FAR = 20, 5_000  # records a partition: a late duplicate is often the last, a thousand of them rarely are


@dataclass(frozen=True, slots=True)
class Compared:
    """`highest`: the log's highest position, `head`: the store's. `different`: where the two hold different events, in words, else None.

    `behind`: last positions in the log, of partitions that hold less than was acknowledged.
    """

    highest: int
    head: int
    different: str | None
    behind: Sequence[int]

    @property
    def ahead(self) -> bool:
        """The log holds what the store does not: the store was restored, or the topic is another's."""
        return self.highest > self.head or self.different is not None


async def compare(connection: Connection, source: str, *, bootstrap_servers: str, topic: str, deadline: float, acknowledged: Sequence[int] = ()) -> Compared:
    """`acknowledged`: by partition, the last position the broker has confirmed. TimeoutError or KafkaError when the broker is away."""
    for reach in (NEAR, FAR):
        found = await tails(bootstrap_servers, topic, source, PARTITIONS, deadline=deadline, reach=reach)
        head = (await standing(connection, source)).head  # after the tails: the store may only have grown since
        behind = [tail for partition, tail in found.last.items() if acknowledged and tail is not None and tail < acknowledged[partition]]
        seen = Compared(found.highest, head, await differing(connection, found.ids), behind)
        if not (seen.ahead or behind):
            break
    return seen
