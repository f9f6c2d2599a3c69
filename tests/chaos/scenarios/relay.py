"""Does every stored event reach Kafka, once in effect and in order, when the process that sends them dies or sleeps at the worst moments?"""

from chaos.ground import Ground
from chaos.scenario import scenario

_POINTS = ("relay.read", "relay.sent", "relay.acked", "relay.moved")


@scenario("relay-killed", faults=(2,), invariants="I1 I4 I5 I6 I13", seeds=(1, 2))
async def relay_killed(ground: Ground) -> None:
    """Killed having read and having been acknowledged, or having sent and having moved its checkpoint: two of the four moments a seed."""
    for point in _POINTS[ground.seed % 2 :: 2]:
        await ground.restart("contacts", CRM_FAILPOINT=f"{point}@{ground.rng.randint(1, 12)}")
        await ground.dead("contacts")
    await ground.restart("contacts")
