"""Where does a fault test end or freeze this process? At a named point, the nth time it is reached; nowhere, unless its environment says so.

`CRM_FAILPOINT=relay.sent` ends it (SIGKILL) the first time, `relay.sent@7` the seventh; `relay.sent@7:stop` freezes it there (SIGSTOP), until SIGCONT.
"""

import os
import re
import signal

_FORM = re.compile(r"(?P<point>[a-z_.]+)(@(?P<time>\d+))?(?P<stop>:stop)?")


class Failpoint:
    """One point, armed: `signal` is what the process sends itself there."""

    def __init__(self, told: str) -> None:
        form = _FORM.fullmatch(told)
        if form is None:
            raise ValueError(f"CRM_FAILPOINT={told} is not name, name@n or name@n:stop.")
        self._point, self._left = form["point"], int(form["time"] or 1)
        self.signal = signal.SIGSTOP if form["stop"] else signal.SIGKILL

    def due(self, point: str) -> bool:
        """Tell whether this is the point, for the nth time; only once."""
        self._left -= point == self._point
        return point == self._point and self._left == 0


_ARMED = Failpoint(os.environ["CRM_FAILPOINT"]) if os.environ.get("CRM_FAILPOINT") else None


def reached(point: str) -> None:
    """The process is at `point`."""
    if _ARMED is not None and _ARMED.due(point):
        os.kill(os.getpid(), _ARMED.signal)
