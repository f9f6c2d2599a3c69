"""How far has the relay come, and who leads it? One row that is lease, fence and cursor at once.

Each step forward compares epoch and position: a leader that was frozen and replaced changes nothing, in one statement, by the database's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from crm_events.lease import Connection

LEASE_SECONDS = 10.0
MARK_EVERY = 10_000  # positions between two marks: what a broker that came back short is sent at most in excess

_LEAD = """
update relay set owner = $2, epoch = epoch + 1, until = clock_timestamp() + make_interval(secs => $3)
where source = $1 and (owner = $2 or until not between clock_timestamp() and clock_timestamp() + make_interval(secs => 2 * $3))
returning epoch, position, last
"""
_ADVANCE = """
with moved as (
  update relay set position = $4, last = $5, until = clock_timestamp() + make_interval(secs => $6)
  where source = $1 and epoch = $2 and position = $3 returning position, last),
marked as (insert into relay_mark (position, last) select position, last from moved where $7 on conflict (position) do nothing)
select count(*) from moved
"""
_RENEW = "update relay set until = clock_timestamp() + make_interval(secs => $4) where source = $1 and epoch = $2 and position = $3"
_RELEASE = "update relay set until = '-infinity' where source = $1 and epoch = $2"
_MARK = "select position, last from relay_mark where position <= $1 order by position desc limit 1"


class Fenced(Exception):
    """Another leader has taken over, or moved the cursor: whatever this one knows is old."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything up to `position` is in Kafka; `last[p]` is the position of the last event there on partition p, 0 = none."""

    source: str
    epoch: int
    position: int
    last: tuple[int, ...]


async def lead(connection: Connection, source: str, owner: str, *, seconds: float = LEASE_SECONDS) -> Checkpoint | None:
    """Become the leader if nobody leads now, or it was this owner; None while another's lease lasts."""
    row = await connection.fetchrow(_LEAD, source, owner, seconds)
    if row is None:
        await connection.execute("insert into relay (source) values ($1) on conflict (source) do nothing", source)
        row = await connection.fetchrow(_LEAD, source, owner, seconds)
    return None if row is None else Checkpoint(source, row["epoch"], row["position"], tuple(row["last"]))


async def move(
    connection: Connection, held: Checkpoint, *, position: int, last: Sequence[int], seconds: float = LEASE_SECONDS, mark_every: int = MARK_EVERY
) -> Checkpoint:
    """Set the cursor and lengthen the lease: forward after acknowledgements, back to a mark for a broker that lost records. `Fenced` when replaced."""
    mark = position // mark_every > held.position // mark_every
    moved = await connection.fetchval(_ADVANCE, held.source, held.epoch, held.position, position, list(last), seconds, mark)
    if moved != 1:
        raise Fenced(f"{held.source}: epoch {held.epoch} no longer leads at position {held.position}")
    return replace(held, position=position, last=tuple(last))


async def renew(connection: Connection, held: Checkpoint, *, seconds: float = LEASE_SECONDS) -> None:
    """Lengthen the lease while there is nothing to send. `Fenced` when replaced."""
    if await connection.execute(_RENEW, held.source, held.epoch, held.position, seconds) != "UPDATE 1":
        raise Fenced(f"{held.source}: epoch {held.epoch} no longer leads")


async def release(connection: Connection, held: Checkpoint) -> None:
    """Let the next leader in at once. Harmless when replaced already."""
    await connection.execute(_RELEASE, held.source, held.epoch)


async def mark_at_or_below(connection: Connection, position: int, partitions: int) -> tuple[int, tuple[int, ...]]:
    """The newest mark from which everything after `position` can be sent again: (position, last). The beginning where there is none."""
    row = await connection.fetchrow(_MARK, position)
    return (0, (0,) * partitions) if row is None else (row["position"], tuple(row["last"]))
