"""Is a command done once if the service dies with it committed and unanswered?"""

from chaos.ground import Ground
from chaos.scenario import scenario


@scenario("api-killed", faults=(1,), invariants="I1 I13", seeds=(1, 2))
async def api_killed(ground: Ground) -> None:
    """Two writing services die between commit and answer; what they had not acknowledged comes again with the same key, or never."""
    services = ("contacts", "loyalty" if ground.seed % 2 else "tickets")
    for each in services:
        unknown = ground.history.unknown
        await ground.restart(each, CRM_FAILPOINT=f"append.committed@{ground.rng.randint(3, 12)}")
        await ground.dead(each)
        await ground.until(lambda before=unknown: ground.history.unknown > before, "commands were left without an answer")
        await ground.restart(each)
    await ground.load.more(20)
