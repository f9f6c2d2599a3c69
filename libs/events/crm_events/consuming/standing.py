"""Where does each partition stand in this process, and when is one that stands still tried again?"""

from dataclasses import dataclass, field

from crm_events.consuming.chain import Place


@dataclass(slots=True)
class Trouble:
    """Why a partition stands still here, and when to try it once more: the relay may have filled the log meanwhile, an operator mended the data."""

    reason: str
    again_at: float
    tries: int = 1


@dataclass(slots=True)
class Standing:
    """One partition: `place` as read so far, `written` as last handed to the database (the next compare-and-set starts from it)."""

    source: str
    place: Place
    written: Place
    halted: bool = False
    dealt_until: float = 0.0  # seconds since 1970: all that was appended until then is dealt with
    held: bool = False  # an operator paused its source: it stands still until they resume it
    highwater: int | None = field(default=None)

    @property
    def searching(self) -> bool:
        return self.place.search_until is not None

    @property
    def lag(self) -> int:
        """Records in the log that are not dealt with yet, as far as is known."""
        return 0 if self.highwater is None else max(0, self.highwater - self.place.next)

    def behind_seconds(self, now: float) -> float:
        """How long the oldest record that waits can have waited, 0 = none does; `now` in seconds since 1970."""
        return max(0.0, now - self.dealt_until) if self.lag else 0.0


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition for readiness pages and tests. `broken`: why it stands still, None = it does not; `held`: an operator paused it."""

    topic: str
    partition: int
    source: str
    next: int
    last: int
    highwater: int | None
    lag: int
    behind_seconds: float
    broken: str | None
    held: bool = False
