"""Does the read model take every event once, when its projector dies, sleeps inside a transaction, or is two?"""

from prometheus_client.parser import text_string_to_metric_families

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
    first = ground.around.addresses.url("projector")
    for number in range(3):
        second = await ground.beside("projector-second", "reporting", "projector")
        await ground.load.more(20)
        # ready is not joined: without this it may be gone before it has a single partition
        await ground.until(lambda second=second: _more(ground, second, "crm_consumer_records_total", 0), "the second projector takes records")
        await ground.load.more(20)
        begun = await _counted(ground, first, "crm_consumer_fresh_starts_total")
        if number == 2:
            await ground.kill("projector-second")
        await ground.dismiss("projector-second")
    # its name outlives it by the group's session: only then are its partitions the first one's again
    await ground.until(lambda: _more(ground, first, "crm_consumer_fresh_starts_total", begun), "the first projector has all partitions again")
    await ground.load.more(40)


async def _more(ground: Ground, url: str, name: str, than: float) -> bool:
    return await _counted(ground, url, name) > than


async def _counted(ground: Ground, url: str, name: str) -> float:
    """What a projector counts, all labels together; of records those it took."""
    answer = await ground.load.http.get(f"{url}/metrics")
    samples = (sample for family in text_string_to_metric_families(answer.text) for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == name and sample.labels.get("outcome", "taken") == "taken")
