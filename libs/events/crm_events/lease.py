"""Who may do what only one process should do? A row with an owner, an epoch and an end, all by the database's clock.

A session's advisory lock is not enough: the kernel answers for a frozen process, so its lock stays taken (18 s were seen, without an end). A lease ends by
itself, and its epoch tells a process that wakes up late that it has been replaced. One that ends later than anybody would have made it end is of a clock that
has been set back since: it counts as ended. An owner takes its own back at once, under a new epoch: a lost session costs nobody a lease's time.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

LEASES = """
create table if not exists leases (name text primary key, owner text, epoch bigint not null default 0, until timestamptz not null default '-infinity')
"""

_TAKE = """
update leases set owner = $2, epoch = epoch + 1, until = clock_timestamp() + make_interval(secs => $3)
where name = $1 and (owner = $2 or until not between clock_timestamp() and clock_timestamp() + make_interval(secs => 2 * $3))
returning epoch
"""
_FIRST = """
insert into leases (name, owner, epoch, until) values ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
on conflict (name) do nothing returning epoch
"""
_RENEW = "update leases set until = clock_timestamp() + make_interval(secs => $3) where name = $1 and epoch = $2"
_MINE = "select true from leases where name = $1 and epoch = $2 and until > clock_timestamp() for share"
_RELEASE = "update leases set until = '-infinity' where name = $1 and epoch = $2"


@dataclass(frozen=True, slots=True)
class Lease:
    """What `acquire` gave: worth something until it runs out, and only under its `epoch`."""

    name: str
    owner: str
    epoch: int


def owner_name() -> str:
    """A name no other worker has, in this process or another: `host:pid:` and a random part. For `acquire`, and for whoever reads who leads."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


async def acquire(connection: Connection, name: str, owner: str, *, seconds: float = 10.0) -> Lease | None:
    """Take the lease if nobody holds it now; None while another's lasts. `owner` names one worker in one process, never two that may work at once."""
    epoch = await connection.fetchval(_TAKE, name, owner, seconds)
    if epoch is None:
        epoch = await connection.fetchval(_FIRST, name, owner, seconds)
    return None if epoch is None else Lease(name, owner, epoch)


async def renew(connection: Connection, lease: Lease, *, seconds: float = 10.0) -> bool:
    """Lengthen it from now. False: another has taken it since; stop at once."""
    return bool(await connection.execute(_RENEW, lease.name, lease.epoch, seconds) == "UPDATE 1")


async def still_mine(connection: Connection, lease: Lease) -> bool:
    """Asked inside a transaction it also keeps the row until commit, so that nobody can take over between the question and the effect."""
    return bool(await connection.fetchval(_MINE, lease.name, lease.epoch))


async def release(connection: Connection, lease: Lease) -> None:
    """Let the next one in without waiting for the end. Harmless when it is no longer ours."""
    await connection.execute(_RELEASE, lease.name, lease.epoch)
