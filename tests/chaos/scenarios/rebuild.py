"""Can the read model be made anew if that is killed again and again, while reads and writes go on?"""

import signal

from chaos.broken import Broken
from chaos.ground import Ground, Unfelt
from chaos.scenario import scenario

_POINTS = ("rebuild.folded", "rebuild.range_done", "rebuild.composed", "rebuild.ready", "rebuild.switching")


@scenario("rebuild-killed", faults=(17,), invariants="I5 I6")
async def rebuild_killed(ground: Ground) -> None:
    """Killed in three of its five steps a seed, the last of them inside the transaction that switches; then it runs to its end."""
    for point in _POINTS[1 - ground.seed % 2 :: 2] + (() if ground.seed % 2 else ("rebuild.switching",)):
        done = await ground.run("reporting", "rebuild", CRM_FAILPOINT=point)
        if done.returncode > 0:
            raise Broken("I5", f"a rebuild that was killed cannot go on to {point}: {done.stdout}{done.stderr}"[-800:])
        if done.returncode != -signal.SIGKILL:
            raise Unfelt(f"the rebuild went on at {point}: {done.stdout}{done.stderr}"[-500:])
        ground.note(f"rebuild died at {point}")
        await ground.load.more(10)
    done = await ground.run("reporting", "rebuild")
    if done.returncode or "is active" not in done.stdout:
        raise AssertionError(f"the rebuild did not come to its end: {done.stdout}{done.stderr}"[-800:])
