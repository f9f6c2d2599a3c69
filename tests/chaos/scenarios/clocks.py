"""Does anything rest on the clocks of the machines agreeing, or on a clock never going back?"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

from chaos.ground import Ground, Unfelt
from chaos.preload import shim
from chaos.scenario import scenario
from chaos.servers import start_postgres

HOUR = 3600
LEAD = 12.0  # seconds: longer than a relay's lease


@scenario("clock-of-a-service", faults=(11,), invariants="I2 I3 I4 I8")
async def clock_of_a_service(ground: Ground) -> None:
    """Contacts and a second relay beside it are an hour ahead, and step back: order is of positions, and who leads is decided by the database's clock."""
    clock = shim("clock", ground.stack.data_dir / "shims")
    clock.tell(HOUR)
    epoch = await _epoch(ground)  # before it starts: it could take the lead at once, and keep it
    await ground.beside("relay-ahead", "contacts", "relay", **clock.environment)
    for name in ground.rng.sample(("tickets", "loyalty", "projector", "composer"), 2):
        await ground.restart(name, **clock.environment)
    await ground.load.more(30)
    await ground.lasts(LEAD)
    assert await _epoch(ground) == epoch, "a relay whose clock is ahead has taken the lead from one that is at work"
    await ground.restart("contacts", **clock.environment)
    await ground.load.more(30)
    _felt(ground)
    clock.tell(0)
    ground.note("the clock steps back by an hour")
    await ground.load.more(30)
    ground.notes["healed in"] = f"{await ground.recovered(time.monotonic()):.1f} s"
    await ground.up()


@scenario("clock-of-the-database", faults=(11,), invariants="I2 I3 I4 I8 I15", seeds=(1, 2))
async def clock_of_the_database(ground: Ground) -> None:
    """PostgreSQL's clock is an hour ahead and steps back while a relay is dead that led until an hour from now: another leads soon all the same."""
    server, clock = ground.stack.postgres(), shim("clock", ground.stack.data_dir / "shims")
    clock.tell(HOUR)
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(start_postgres, server, clock.environment)
    await ground.recovered(time.monotonic())
    await ground.load.more(ground.rng.randint(20, 40))
    async with ground.database("contacts") as contacts:
        ahead = await contacts.fetchval("select max(recorded_at) > now() - interval '1 minute' and now() > $1 from events", _now() + timedelta(minutes=30))
    if not ahead:
        raise Unfelt("the database's clock is not ahead")
    await ground.kill("contacts")
    clock.tell(0)
    ground.note("the database's clock steps back by an hour")
    began = time.monotonic()
    await ground.restart("contacts")
    ground.notes["healed in"] = f"{await ground.recovered(began):.1f} s"
    await ground.load.more(20)
    async with ground.database("contacts") as contacts:
        back = await contacts.fetchval("select count(*) from (select recorded_at < lag(recorded_at) over (order by position) as back from events) e where back")
    assert not back, f"{back} events are recorded before the one before them"
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


def _felt(ground: Ground) -> None:
    lines = ground.log("contacts").splitlines()
    times = [datetime.fromisoformat(json.loads(line)["at"]) for line in lines if line.startswith("{")]
    if not any(at > _now() + timedelta(minutes=30) for at in times):
        raise Unfelt(f"the clock of contacts is not ahead: {times[-1:]}")


async def _epoch(ground: Ground) -> int:
    async with ground.database("contacts") as contacts:
        return int(await contacts.fetchval("select epoch from relay where source = 'contacts'"))


def _now() -> datetime:
    return datetime.now(UTC)
