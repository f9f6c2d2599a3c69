"""Does every stored event reach Kafka, once in effect and in order, when the process that sends them dies or sleeps at the worst moments?"""

from chaos.ground import Ground, Unfelt
from chaos.scenario import scenario

_POINTS = ("relay.read", "relay.sent", "relay.acked", "relay.moved")


@scenario("relay-killed", faults=(2,), invariants="I1 I4 I5 I6 I13", seeds=(1, 2))
async def relay_killed(ground: Ground) -> None:
    """Killed having sent and having moved its checkpoint, or having read and having been acknowledged: two of the four moments a seed."""
    for point in _POINTS[ground.seed % 2 :: 2]:
        await ground.restart("contacts", CRM_FAILPOINT=f"{point}@{ground.rng.randint(1, 12)}")
        await ground.dead("contacts")
    await ground.restart("contacts")


@scenario("relay-frozen", faults=(3,), invariants="I1 I4 I8", seeds=(1, 2))
async def relay_frozen(ground: Ground) -> None:
    """A leader sleeps with a batch read, or acknowledged, until another leads; awake again it may repeat that batch, and must change nothing."""
    await ground.restart("contacts", RELAY="false")
    point = "relay.read" if ground.seed % 2 else "relay.acked"
    await ground.beside("relay-first", "contacts", "relay", CRM_FAILPOINT=f"{point}@{ground.rng.randint(3, 12)}:stop")
    await ground.frozen("relay-first")
    async with ground.database("contacts") as contacts:
        asleep = await contacts.fetchrow("select epoch, position from relay")

        async def another_leads() -> bool:
            now = await contacts.fetchrow("select epoch, position from relay")
            return bool(now["epoch"] > asleep["epoch"] and now["position"] > asleep["position"])

        await ground.beside("relay-second", "contacts", "relay")
        taken = await ground.until(another_leads, "another relay leads and sends")
        ground.notes["led again after"] = f"{taken:.1f} s"
        await ground.load.more(30)
        before = await contacts.fetchrow("select epoch, position from relay")
        ground.cont("relay-first")
        await ground.until(lambda: "relay.replaced" in ground.log("relay-first"), "the first one learns that it was replaced")
        await ground.load.more(30)
        after = await contacts.fetchrow("select epoch, position from relay")
        if (after["epoch"], after["position"] > before["position"]) != (before["epoch"], True):
            raise Unfelt(f"the second one no longer leads: {before} became {after}")
    await ground.dismiss("relay-first")
    await ground.dismiss("relay-second")
    await ground.restart("contacts")
