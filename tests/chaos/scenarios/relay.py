"""Does every stored event reach Kafka, once in effect and in order, when the process that sends them dies or sleeps at the worst moments?"""

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.scenario import scenario

_STANDING = "select epoch, position from relay"
_WATCH = """
create table chaos_back (was bigint not null, now bigint not null);
create function chaos_back() returns trigger language plpgsql as $$ begin insert into chaos_back values (old.position, new.position); return new; end $$;
create trigger chaos_back before update on relay for each row when (new.position < old.position) execute function chaos_back();
"""
_WATCH_NO_MORE = "drop trigger chaos_back on relay; drop function chaos_back; drop table chaos_back"
_POINTS = ("relay.read", "relay.sent", "relay.acked", "relay.moved")


@scenario("relay-killed", faults=(2,), invariants="I1 I4 I5 I6 I13")
async def relay_killed(ground: Ground) -> None:
    """Killed having sent and having moved its checkpoint, or having read and having been acknowledged: two of the four moments a seed."""
    for point in _POINTS[ground.seed % 2 :: 2]:
        await ground.restart("contacts", CRM_FAILPOINT=f"{point}@{ground.rng.randint(1, 12)}")
        await ground.dead("contacts")
    await ground.restart("contacts")


@scenario("relay-frozen", faults=(3,), invariants="I1 I4 I8")
async def relay_frozen(ground: Ground) -> None:
    """A leader sleeps with a batch read, or acknowledged, until another leads; awake again it may repeat that batch, and must change nothing."""
    await ground.restart("contacts", RELAY="false")
    point = "relay.read" if ground.seed % 2 else "relay.acked"
    await ground.beside("relay-first", "contacts", "relay", CRM_FAILPOINT=f"{point}@{ground.rng.randint(3, 12)}:stop")
    await ground.frozen("relay-first")
    async with ground.database("contacts") as contacts:
        await contacts.execute(_WATCH)
        asleep = await contacts.fetchrow(_STANDING)

        async def another_leads() -> bool:
            now = await contacts.fetchrow(_STANDING)
            return bool(now["epoch"] > asleep["epoch"] and now["position"] > asleep["position"])

        await ground.beside("relay-second", "contacts", "relay")
        ground.notes["led again after"] = f"{await ground.until(another_leads, 'another relay leads and sends'):.1f} s"
        await ground.load.more(30)
        ground.cont("relay-first")
        await ground.until(lambda: "relay.replaced" in ground.log("relay-first"), "the first one learns that it was replaced")
        await ground.load.more(30)
        back = await contacts.fetch("select * from chaos_back")
        await contacts.execute(_WATCH_NO_MORE)
    if back:
        raise Broken("I8", f"the relay that was replaced moved the checkpoint from {back[0]['was']} back to {back[0]['now']}")
    await ground.dismiss("relay-first")
    await ground.dismiss("relay-second")
    await ground.restart("contacts")
