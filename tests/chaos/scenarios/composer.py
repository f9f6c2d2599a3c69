"""Is every view composed and every change told to the feed, when the composer dies half-way?"""

from chaos.ground import Ground
from chaos.scenario import scenario

_POINTS = ("composer.composed", "feed.sent", "composer.committed")


@scenario("composer-killed", faults=(4,), invariants="I5 I6")
async def composer_killed(ground: Ground) -> None:
    """Killed with views composed and not committed, with customers told to the feed and not noted, and having committed."""
    for point in _POINTS[:2] if ground.seed % 2 else _POINTS[1:]:
        await ground.restart("composer", CRM_FAILPOINT=f"{point}@{ground.rng.randint(2, 20)}")
        await ground.dead("composer")
    await ground.restart("composer")
