"""May this caller send another request now? A bucket a caller, in this process; the real limit belongs in front of all replicas."""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from crm_chassis.problems import Problem

_MOST = 10_000  # callers remembered; the one longest silent is forgotten first


class Rate:
    """`per_minute` requests a caller, refilled evenly, spent at once if need be."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = per_minute, clock
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    @property
    def policy(self) -> str:
        """The `RateLimit-Policy` header."""
        return f'"default";q={self._most};w=60'

    def spend(self, authorization: str | None) -> int:
        """How many are left after this one. Problem `too-many-requests` when none was."""
        caller, now = hashlib.sha256((authorization or "").encode()).digest(), self._clock()
        left, at = self._left.pop(caller, (float(self._most), now))
        left = min(float(self._most), left + (now - at) * self._most / 60)
        self._left[caller] = (left - 1 if left >= 1 else left), now
        if len(self._left) > _MOST:
            self._left.popitem(last=False)
        if left < 1:
            wait = math.ceil((1 - left) * 60 / self._most)
            raise Problem("too-many-requests", headers={"Retry-After": str(wait), "RateLimit-Policy": self.policy, "RateLimit": f'"default";r=0;t={wait}'})
        return int(left - 1)
