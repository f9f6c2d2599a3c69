"""Does this read have to see a certain write, and does it?"""

import asyncio
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from crm_chassis.call import Call
from crm_chassis.problems import Problem
from crm_events import token
from crm_events.topics import PARTITIONS, SOURCES

from crm_reporting.applied import Applied

WAIT, MOST = 2.0, 10.0  # seconds

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\"?", re.IGNORECASE)
_STRICT = re.compile(r"(?:^|[,;\s])handling\s*=\s*\"?strict\"?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Freshness:
    """`wanted`: what the caller's tokens name, (source, partition) → position. `reached`: it is in the read model; True without a token.

    `until`: when waiting ends, by the loop's clock. `strict`: rather no answer than one without it.
    """

    wanted: Mapping[tuple[str, int], int] = field(default_factory=dict)
    reached: bool = True
    strict: bool = False
    until: float = 0.0

    async def also(self, applied: Applied, wanted: Mapping[tuple[str, int], int]) -> "Freshness":
        """The same caller waits for something more, in what is left of the time. Nothing is waited for without a token."""
        if not self.wanted or not self.reached:
            return self
        reached = await applied.reached(wanted, self.until - asyncio.get_running_loop().time())
        return _checked(replace(self, reached=reached))

    def headers(self, parked: Collection[str] = (), *, follows: bool = False) -> dict[str, str]:
        """`View-State`: parked, when this customer's events of these sources wait for an operator; else current or stale.

        `follows`: what was read only follows the build that tokens are about. Problem `not-yet-visible` where his write is not shown and he was strict.
        """
        hidden = any(source in parked for source, _ in self.wanted)
        _checked(replace(self, reached=self.reached and not hidden))
        return {"View-State": "parked" if parked else "stale" if not self.reached or (follows and self.wanted) else "current"}


async def wait_for_tokens(call: Call) -> Freshness:
    """Wait for the request's `Consistency-Token`s, at most `Prefer: wait` seconds. Problem `malformed`, or `not-yet-visible` under `handling=strict`."""
    told = call.headers.getlist("Consistency-Token")
    if not told:
        return Freshness()
    try:
        wanted = token.decode(",".join(told))
    except ValueError:
        wanted = {}
    if not wanted or any(source not in SOURCES or partition >= PARTITIONS for source, partition in wanted):
        raise Problem("malformed", "Consistency-Token must be one that a write answered, or several with commas between them.")
    applied: Applied = call.state.applied
    prefer = ",".join(call.headers.getlist("Prefer"))
    asked = _WAIT.search(prefer)
    seconds = min(float(asked[1]), MOST) if asked else WAIT
    until = asyncio.get_running_loop().time() + seconds
    return _checked(Freshness(wanted, await applied.reached(wanted, seconds), _STRICT.search(prefer) is not None, until))


def _checked(fresh: Freshness) -> Freshness:
    if fresh.strict and not fresh.reached:
        raise Problem("not-yet-visible", headers={"Retry-After": "1"})
    return fresh
