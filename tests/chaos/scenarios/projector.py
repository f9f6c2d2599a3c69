"""Does the read model take every event once, when its projector dies, sleeps inside a transaction, or is two?"""

from chaos.ground import Ground
from chaos.scenario import scenario

_OFFSETS = "select sum(next)::bigint from offsets where consumer = 'reporting'"


@scenario("projector-killed", faults=(4,), invariants="I5 I6 I7", seeds=(1, 2))
async def projector_killed(ground: Ground) -> None:
    """Killed with a batch written and not committed, and with one committed and nobody told."""
    for point in ("projector.applied", "projector.committed"):
        await ground.restart("projector", CRM_FAILPOINT=f"{point}@{ground.rng.randint(2, 30)}")
        await ground.dead("projector")
    await ground.restart("projector")


@scenario("projector-frozen", faults=(4,), invariants="I5 I6 I7")
async def projector_frozen(ground: Ground) -> None:
    """It sleeps inside its transaction until another has its partitions; awake again, what it held in hand must not be written."""
    await ground.restart("projector", CRM_FAILPOINT=f"projector.applied@{ground.rng.randint(2, 30)}:stop")
    await ground.frozen("projector")
    async with ground.database("reporting") as reporting:
        stood = await reporting.fetchval(_OFFSETS)

        async def moved() -> bool:
            return bool(await reporting.fetchval(_OFFSETS) > stood)

        await ground.beside("projector-second", "reporting", "projector")
        ground.notes["taken over after"] = f"{await ground.until(moved, 'the second projector takes over'):.1f} s"
        await ground.load.more(20)
        ground.cont("projector")
        await ground.load.more(60)
    await ground.dismiss("projector-second")
    await ground.restart("projector")


@scenario("projectors-come-and-go", faults=(4,), invariants="I5 I6 I7")
async def projectors_come_and_go(ground: Ground) -> None:
    """Partitions change hands again and again: a second projector joins, leaves in peace, joins, and is killed."""
    async with ground.database("reporting") as reporting:
        for number in range(3):
            await ground.beside("projector-second", "reporting", "projector")
            stood = await reporting.fetchval(_OFFSETS)
            await ground.load.more(20)
            await ground.until(lambda stood=stood: _beyond(reporting, stood), "offsets move while there are two")
            if number == 2:
                await ground.kill("projector-second")
            await ground.dismiss("projector-second")
    await ground.load.more(20)


async def _beyond(reporting: object, stood: int) -> bool:
    return bool(await reporting.fetchval(_OFFSETS) > stood)  # type: ignore[attr-defined]
