"""Does this read have to see a certain write, and does it?"""

import re
from dataclasses import dataclass

from crm_chassis.call import Call
from crm_chassis.problems import Problem
from crm_events import token

from crm_reporting.applied import Applied

WAIT, MOST = 2.0, 10.0  # seconds

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\"?", re.IGNORECASE)
_STRICT = re.compile(r"(?:^|[,;\s])handling\s*=\s*\"?strict\"?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Freshness:
    """`reached`: everything the caller's tokens name is in the read model. True without a token."""

    reached: bool

    def headers(self, parked: bool = False) -> dict[str, str]:
        """`View-State`: parked, when this customer's events wait for an operator; else current or stale."""
        return {"View-State": "parked" if parked else "current" if self.reached else "stale"}


async def wait_for_tokens(call: Call) -> Freshness:
    """Wait for the request's `Consistency-Token`s, at most `Prefer: wait` seconds. Problem `malformed`, or `not-yet-visible` under `handling=strict`."""
    told = call.headers.getlist("Consistency-Token")
    if not told:
        return Freshness(True)
    try:
        wanted = token.decode(",".join(told))
    except ValueError:
        raise Problem("malformed", "Consistency-Token must be one that a write answered, or several with commas between them.") from None
    applied: Applied = call.state.applied
    prefer = ",".join(call.headers.getlist("Prefer"))
    asked = _WAIT.search(prefer)
    reached = await applied.reached(wanted, min(float(asked[1]), MOST) if asked else WAIT)
    if not reached and _STRICT.search(prefer):
        raise Problem("not-yet-visible", headers={"Retry-After": "1"})
    return Freshness(reached)
