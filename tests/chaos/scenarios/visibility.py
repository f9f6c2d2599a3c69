"""Does a reader miss what was numbered before and committed after what it has read? A transaction that is slow to commit, in a store and in the journal."""

import itertools

from chaos.ground import Ground
from chaos.scenario import scenario
from chaos.slow_commit import SlowCommits


@scenario("store-commits-slowly", faults=(12,), invariants="I3 I4 I6")
async def store_commits_slowly(ground: Ground) -> None:
    """One process's append has its positions and waits to commit, while another process of the service takes commands too."""
    other = await ground.beside("contacts-2", "contacts", "api")
    first = ground.load.urls["contacts"]
    ways = itertools.cycle([other, first])

    async def queue() -> bool:
        """Whoever is not stuck goes on at the one or the other."""
        ground.load.urls["contacts"] = next(ways)
        return await slow.queue()

    async with SlowCommits.on(ground, "contacts", "events") as slow:
        for _ in range(3):
            async with slow.held():
                await ground.until(slow.waiting, "an append waits to commit")
                await ground.until(queue, "another process's append waits behind it")
                await ground.until(slow.long_enough, "readers looked meanwhile")
            ground.load.urls["contacts"] = ground.rng.choice([first, other])
            await ground.load.more(20)
    ground.load.urls["contacts"] = first
    await ground.load.more(5)
    await ground.dismiss("contacts-2")


@scenario("journal-commits-slowly", faults=(12,), invariants="I5 I6 I7")
async def journal_commits_slowly(ground: Ground) -> None:
    """The same of two projectors: one has numbered its rows of the journal and waits to commit; the composer follows by that number."""
    url = await ground.beside("projector-2", "reporting", "projector")

    async def reads() -> bool:
        lines = (await ground.load.http.get(f"{url}/metrics")).text.splitlines()
        return any(line.startswith("crm_consumer_records_total") and 'taken"' in line and float(line.rpartition(" ")[2]) > 0 for line in lines)

    await ground.until(reads, "the second projector has partitions")
    async with SlowCommits.on(ground, "reporting", "journal") as slow:
        for _ in range(3):
            async with slow.held():
                await ground.until(slow.waiting, "a projector waits to commit")
                await ground.until(slow.queue, "the other one waits behind it")
                await ground.until(slow.long_enough, "readers looked meanwhile")
            await ground.load.more(20)
    await ground.dismiss("projector-2")
